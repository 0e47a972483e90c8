--- JSON, whatever locale the program has set.
--
-- lua-cjson reads and writes numbers with functions of C that heed the locale, and remembers the decimal point from
-- when it was loaded, for the whole process: where a program sets another afterwards, numbers are refused. Here both
-- are those of the C locale during a call.
-- @module vk_compute.system.json

local cjson = require("cjson")
local libc = require("vk_compute.system.libc")

local LC_NUMERIC_MASK = 2
local PLAIN_LOCALE = libc.newlocale(LC_NUMERIC_MASK, "C", nil)

local json = {
  --- What stands for null.
  null = cjson.null,
}

-- Making an instance is what makes cjson look at the decimal point again.
local function with_plain_locale(call)
  return function(value)
    local earlier = libc.uselocale(PLAIN_LOCALE)
    cjson.new()
    local ok, result = pcall(call, value)
    libc.uselocale(earlier)
    cjson.new()
    if not ok then error(result, 0) end
    return result
  end
end

--- A value as JSON. Raises where it cannot be.
-- @function encode
-- @param value
-- @treturn string
json.encode = with_plain_locale(cjson.encode)

--- The same, with empty tables as empty lists, not objects.
function json.encode_lists(value)
  -- A quote inside a string has a backslash before it: only names of members match.
  return (json.encode(value):gsub('("[%a_]+":){}', "%1[]"))
end

--- The value of a text of JSON. Raises where it is none.
-- @function decode
-- @tparam string text
json.decode = with_plain_locale(cjson.decode)

return json
