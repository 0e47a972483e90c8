--- Raising errors at the line of the script that called.
--
-- The place is the innermost stack frame outside vk_compute, found by looking, not by counting
-- levels: so it stays right through the module-level functions, pcall and one part calling another.
-- @module vk_compute.system.errors

local ffi = require("ffi")
local printable = require("vk_compute.system.printable")

local getinfo = debug.getinfo

local errors = {}

-- "@.../vk_compute": as a chunk name, this project's Lua is ROOT.lua and ROOT/*.lua.
local ROOT = getinfo(1, "S").source:match("^(.*)/system/errors%.lua$") or "@vk_compute"

local function is_own(source)
  return source == ROOT .. ".lua" or source:sub(1, #ROOT + 1) == ROOT .. "/"
end

-- "script.lua:12: " of the calling script, or "" where there is none (a call from C).
local function caller()
  local level = 3
  local frame = getinfo(level, "Sl")
  while frame do
    if frame.currentline > 0 and not is_own(frame.source) then
      return frame.short_src .. ":" .. frame.currentline .. ": "
    end
    level = level + 1
    frame = getinfo(level, "Sl")
  end
  return ""
end

local LibraryError = {}
LibraryError.__index = LibraryError

function LibraryError.__tostring(self)
  return self.where .. self.message
end

-- So that "failed: " .. err works on either kind of error.
function LibraryError.__concat(left, right)
  return tostring(left) .. tostring(right)
end

--- Raises a string, "script.lua:12: message": wrong use, found before the library was asked.
-- @tparam string format as for string.format
-- @param ... its values; strings among them are made printable
function errors.raise(format, ...)
  error(caller() .. printable.format(format, ...), 0)
end

--- Raises unless result is VKC_SUCCESS. The error value is a table with
--
-- - `code`: the VkcResult, a negative number
-- - `name`: such as "VKC_ERROR_NOT_FINITE"
-- - `message`: one line, from the library
-- - `where`: "script.lua:12: "
--
-- and tostring() of it is `where .. message`.
-- @param lib the library, as from vk_compute.ffi.library
-- @param result a VkcResult
-- @tparam[opt] string before put before the message
function errors.check(lib, result, before)
  if result == 0 then return end
  error(setmetatable({
    code = tonumber(result),
    name = ffi.string(lib.vkc_result_name(result)),
    message = (before or "") .. ffi.string(lib.vkc_last_error()),
    where = caller(),
  }, LibraryError), 0)
end

return errors
