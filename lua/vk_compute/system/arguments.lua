--- Checks of arguments that more than one function takes.
-- @module vk_compute.system.arguments

local raise = require("vk_compute.system.errors").raise

local arguments = {}

local UINT32_MAX = 2 ^ 32 - 1

--- A value as error messages name it: numbers and (short) strings as they are, else
-- the type.
-- @param value anything
-- @treturn string
function arguments.describe(value)
  if type(value) == "number" then return tostring(value) end
  if type(value) == "string" then
    local shown = #value <= 40 and value or value:sub(1, 37) .. "..."
    return (("the string %q"):format(shown):gsub("\n", "n"))  -- %q leaves a backslash before it
  end
  if value == nil then return "nil" end
  return "a " .. type(value)
end

local describe = arguments.describe

--- Raises unless value is an integer that a uint32_t holds.
-- @param value what the caller gave
-- @tparam string name what to call it, such as "start"
-- @treturn number the value
function arguments.uint32(value, name)
  if type(value) ~= "number" or not (value >= 0 and value <= UINT32_MAX) or value % 1 ~= 0 then
    raise("%s must be an integer from 0 to 2^32 - 1, but is %s", name, describe(value))
  end
  return value
end

--- Raises unless options is nil or a table that holds only allowed names with allowed types.
-- @param options what the caller gave
-- @tparam {[string]=string} allowed for each name its types, such as "string|number"
-- @treturn table the options, or an empty table
function arguments.options(options, allowed)
  if options == nil then return {} end
  if type(options) ~= "table" then
    raise("options must be a table, but are %s", describe(options))
  end
  for name, value in pairs(options) do
    local types = allowed[name]
    if not types then
      local names = {}
      for known in pairs(allowed) do names[#names + 1] = known end
      table.sort(names)
      raise("there is no option %s here; there are: %s", describe(name), table.concat(names, ", "))
    end
    if not ("|" .. types .. "|"):find("|" .. type(value) .. "|", 1, true) then
      raise("option %s must be a %s, but is %s", name, types:gsub("|", " or a "), describe(value))
    end
  end
  return options
end

--- Reads the option `as`, and whether memory to write into is given.
-- @tparam table options checked by arguments.options
-- @tparam[opt] string other a third value that the caller takes, and has seen to
-- @treturn boolean true for "view", and with `into`; false for "table", the default
function arguments.wants_view(options, other)
  local as = options.as
  if as ~= nil and as ~= "table" and as ~= "view" then
    raise("option as must be %s, but is %s",
      other and ('"table", "view" or "%s"'):format(other) or '"table" or "view"', describe(as))
  end
  if options.into and as == "table" then raise('options into and as = "table" exclude each other') end
  return as == "view" or options.into ~= nil
end

return arguments
