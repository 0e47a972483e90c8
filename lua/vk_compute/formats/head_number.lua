--- Numbers that say how a binary file goes on.
-- @module vk_compute.formats.head_number

local ffi = require("ffi")

local head_number = {}

--- The little-endian uint32 at a place of a byte source that has a size, or nil where it does not reach so far.
function head_number.uint32(file, place)
  local number = ffi.new("uint32_t[1]")
  if file:read(number, 4, place) == 4 then return number[0] end
end

return head_number
