--- Memory for numbers, freed by the collector.
-- @module vk_compute.ffi.memory

local ffi = require("ffi")
local raise = require("vk_compute.system.errors").raise
require("vk_compute.ffi.library")  -- declares malloc and free

local memory = {}

-- ffi.new makes nothing of this size or above.
local FFI_NEW_LIMIT = 2 ^ 31

local function allocate(element, count, bytes)
  if bytes < FFI_NEW_LIMIT then
    local ok, array = pcall(ffi.new, element .. "[?]", count)
    return ok and array or nil
  end
  -- The collector does not count what malloc gives, so it would let earlier blocks pile up.
  collectgarbage()
  local block = ffi.C.malloc(bytes)
  return block ~= nil and ffi.gc(ffi.cast(element .. "*", block), ffi.C.free) or nil
end

--- Allocates count elements. Raises when the host refuses.
-- @tparam string element a C type, such as "float"
-- @tparam number count
-- @tparam string what for the error message, such as "the similarity matrix"
-- @treturn cdata array or pointer, indexable from 0; the memory is its own
function memory.allocate(element, count, what)
  local bytes = count * ffi.sizeof(element)
  local data = allocate(element, count, bytes)
  if not data then
    collectgarbage()
    data = allocate(element, count, bytes)
  end
  if not data then
    raise("%s takes %.0f bytes and this machine refuses them: ask for less at a time", what, bytes)
  end
  return data
end

return memory
