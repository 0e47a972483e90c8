--- Embeddings in .fvecs files: each row is d as a little-endian int32, then d float32.
-- @module vk_compute.formats.fvecs

local ffi = require("ffi")
local binary = require("vk_compute.formats.binary")
local fail = require("vk_compute.system.fail")
local libc = require("vk_compute.system.libc")

local fvecs = { name = ".fvecs", extensions = { "fvecs" } }

local function row_of(file)
  local d = binary.uint32(file, 0) or 0
  return d, 4 + 4 * d
end

--- Whether a file is a number of rows of the length that its first number says, and its second row begins
-- with the same number.
function fvecs.recognises(file)
  local d, row_bytes = row_of(file)
  if d == 0 or file.size % row_bytes ~= 0 then return false end
  return file.size == row_bytes or binary.uint32(file, row_bytes) == d
end

--- Whether a file of any size begins with a plausible d, and its second row, where there is one, with the same.
-- Taken for a float, d would be below 1e-40, as no embedding's first number is.
function fvecs.resembles(file)
  local d, row_bytes = row_of(file)
  return d > 0 and d <= binary.MAX_COLUMNS and (binary.uint32(file, row_bytes) or d) == d
end

--- Reads such a file.
-- @tparam table file as embedding_file opens it
-- @treturn table as @{vk_compute.formats.embedding_file.read} describes it
function fvecs.read(file)
  local d, row_bytes = row_of(file)
  if d == 0 or d >= 2 ^ 31 then
    fail("%s does not begin with the number of columns, as a .fvecs file does", file.path)
  end
  if file.size % row_bytes ~= 0 then
    fail("%s is %.0f bytes long, which is no number of rows of %.0f bytes (d = %.0f, by its first row): "
      .. "it is cut off, or no .fvecs file. Copy it or write it anew; raw float32 save as .npy",
      file.path, file.size, row_bytes, d)
  end
  local n = file.size / row_bytes
  local memory = binary.read(file, 0, file.size)
  local sizes, data = ffi.cast("uint32_t *", memory), ffi.cast("float *", memory)
  for row = 0, n - 1 do
    local start = row * (d + 1)
    if sizes[start] ~= d then
      fail("%s, row %.0f (byte %.0f): it says that it has %.0f columns, but the rows before have %.0f: "
        .. "the file is damaged, or its embeddings are of several models. Write it anew, all rows of one length",
        file.path, row, start * 4, sizes[start], d)
    end
    libc.memmove(data + row * d, data + start + 1, d * 4)
  end
  return binary.result(file, fvecs.name, memory, n, d)
end

return fvecs
