--- Calls of the library that tell a Lua function how far they are.
-- @module vk_compute.ffi.progress

local ffi = require("ffi")

local progress = {}

local PHASES = { [0] = "upload", "matrix", "similarities", "walks", "neighbors" }

-- What hears of the call that is under way, and what it raised, as a table with that.
local listener, raised

-- An error must not pass through the library: it is kept, and raised when the call has ended.
local function hear(phase, done, total)
  local ok, answer = pcall(listener, PHASES[tonumber(phase)] or "other", tonumber(done), tonumber(total))
  if not ok then raised = { answer } end
  return (not ok or answer == false) and 1 or 0
end

-- One for all contexts, made when first needed: LuaJIT has room for some hundred, and collects none.
local callback

--- Calls a function of the library with a context, and tells of it meanwhile.
-- @param lib the library
-- @param handle the context
-- @tparam function|nil heard_by (phase, done, total): returns false to stop the call
-- @param call a function of lib
-- @param ... its arguments behind the context
-- @return what it returns
-- @raise what heard_by raised
function progress.call(lib, handle, heard_by, call, ...)
  if not heard_by then return call(handle, ...) end
  callback = callback or ffi.cast("VkcProgressFunction", hear)
  -- A listener may call other contexts.
  local outer_listener, outer_raised = listener, raised
  listener, raised = heard_by, nil
  -- Only for this call: another one may be made by compiled code, from which Lua cannot be called.
  lib.vkc_set_progress(handle, callback, nil)
  local result = call(handle, ...)
  -- A context whose device is lost makes no calls any more, and its message is the one to keep.
  if result ~= lib.VKC_ERROR_DEVICE_LOST then lib.vkc_set_progress(handle, nil, nil) end
  local problem = raised
  listener, raised = outer_listener, outer_raised
  if problem then error(problem[1], 0) end
  return result
end
jit.off(progress.call)

return progress
