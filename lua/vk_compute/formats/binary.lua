--- What the formats of plain float32 numbers share.
-- @module vk_compute.formats.binary

local ffi = require("ffi")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local float32 = require("vk_compute.formats.float32")

-- MAX_COLUMNS: as many as the library takes
local binary = { MAX_COLUMNS = 65536 }

--- The little-endian uint32 at a place of a file, or nil where it does not reach so far.
function binary.uint32(file, place)
  local number = ffi.new("uint32_t[1]")
  if files.read(file.fd, file.path, number, 4, place) == 4 then return number[0] end
end

--- Reads bytes into new memory.
-- @treturn cdata `void*` that owns it
function binary.read(file, offset, bytes)
  local memory = files.memory(bytes)
  if files.read(file.fd, file.path, memory, bytes, offset) < bytes then
    fail("%s became shorter while it was read", file.path)
  end
  return memory
end

--- The result of reading n x d float32 that lie at the beginning of memory.
function binary.result(file, format, memory, n, d)
  float32.check(ffi.cast("uint32_t *", memory), n * d, 0, d, file.path)
  return { format = format, n = n, d = d, data = ffi.cast("float *", memory), memory = memory }
end

return binary
