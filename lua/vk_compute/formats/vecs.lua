--- Embeddings in files whose rows are d, a little-endian int32, and d numbers: .fvecs (float32), .bvecs (uint8) and
-- .ivecs (int32).
-- @module vk_compute.formats.vecs

local bit = require("bit")
local ffi = require("ffi")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local float32 = require("vk_compute.formats.float32")
local head_number = require("vk_compute.formats.head_number")
local number_types = require("vk_compute.formats.number_types")

local vecs = { name = ".fvecs, .bvecs, .ivecs", extensions = { "fvecs", "bvecs", "ivecs" } }

local OF_EXTENSION = {
  fvecs = number_types.float32, bvecs = number_types.uint8, ivecs = number_types.int32,
}
local HEADER = 4
-- As many columns as the library takes.
local MAX_COLUMNS = 65536
-- Bytes read at a time, or one row.
local CHUNK = 262144
-- Rows, and numbers of each, that are looked at before a file is taken for one.
local LOOKED_AT = 16
-- Of a float32.
local EXPONENT = 0x7f800000

-- Whether rows of such numbers fit the length of a file, and the first ones begin with the same d.
local function fits(file, d, kind)
  local row_bytes = HEADER + kind.bytes * d
  if d == 0 or file.size % row_bytes ~= 0 then return false end
  for row = 1, math.min(file.size / row_bytes, LOOKED_AT) - 1 do
    if head_number.uint32(file, row * row_bytes) ~= d then return false end
  end
  return true
end

-- Whether the numbers of the first rows are integers: as floats, those of small ones are next to 0, and -1 is NaN.
local function are_integers(file, d)
  local has_other, row_bytes = false, HEADER + 4 * d
  for row = 0, math.min(file.size / row_bytes, LOOKED_AT) - 1 do
    for k = 0, math.min(d, LOOKED_AT) - 1 do
      local number = head_number.uint32(file, row * row_bytes + HEADER + 4 * k)
      local exponent = bit.band(number, EXPONENT)
      if exponent ~= 0 and exponent ~= EXPONENT then return false end
      has_other = has_other or number ~= 0
    end
  end
  return has_other
end

-- The name and the type of the numbers.
local function type_of(file)
  local d = head_number.uint32(file, 0) or 0
  local named = OF_EXTENSION[file.extension]
  if named == number_types.uint8 and fits(file, d, named) then return "bvecs", named end
  if fits(file, d, number_types.float32) then
    local is_ivecs = named == number_types.int32 or named ~= number_types.float32 and are_integers(file, d)
    return is_ivecs and "ivecs" or "fvecs", is_ivecs and number_types.int32 or number_types.float32
  end
  if fits(file, d, number_types.uint8) then return "bvecs", number_types.uint8 end
end

--- Whether a file is a number of rows of the length that its first number says, and the next rows begin
-- with the same number.
function vecs.recognises(file)
  return type_of(file) ~= nil
end

--- Whether a file of any size begins with a plausible d, and its second row, where there is one, with the same.
-- Taken for a float, d would be below 1e-40, as no embedding's first number is.
function vecs.resembles(file)
  local d = head_number.uint32(file, 0) or 0
  return d > 0 and d <= MAX_COLUMNS and (head_number.uint32(file, HEADER + 4 * d) or d) == d
end

local function require_rows(file, d, row_bytes, extension)
  if d == 0 or d >= 2 ^ 31 then
    fail("%s does not begin with the number of columns, as a .%s file does", file.path, extension)
  end
  if file.size % row_bytes ~= 0 then
    fail("%s is %.0f bytes long, which is no number of rows of %.0f bytes (d = %.0f, by its first row): "
      .. "it is cut off, or no .%s file. Copy it or write it anew; raw float32 save as .npy",
      file.path, file.size, row_bytes, d, extension)
  end
end

-- Reads some rows, from the row first on, to where they belong.
local function read_rows(file, layout, buffer, first, rows, data)
  local d, kind, row_bytes = layout.d, layout.type, layout.row_bytes
  if file:read(buffer, rows * row_bytes, first * row_bytes) < rows * row_bytes then
    fail("%s became shorter while it was read", file.path)
  end
  for k = 0, rows - 1 do
    local row = buffer + k * row_bytes
    local says = ffi.cast("uint32_t *", row)[0]
    if says ~= d then
      fail("%s, row %.0f (from 0; it begins at byte %.0f): it says that it has %.0f columns, but the rows before have "
        .. "%.0f: the file is damaged, or its embeddings are of several models. Write it anew, all rows of one length",
        file.path, first + k, (first + k) * row_bytes, says, d)
    end
    kind.take(row + HEADER, d, data + (first + k) * d)
  end
end

--- Reads such a file.
-- @tparam table file a byte source with a size
-- @treturn table as @{vk_compute.formats.embedding_file.read} describes it
function vecs.read(file)
  local extension, kind = type_of(file)
  if not extension then
    extension = OF_EXTENSION[file.extension] and file.extension or "fvecs"
    kind = OF_EXTENSION[extension]
  end
  local d = head_number.uint32(file, 0) or 0
  local row_bytes = HEADER + kind.bytes * d
  require_rows(file, d, row_bytes, extension)
  local n = file.size / row_bytes
  local layout = { d = d, type = kind, row_bytes = row_bytes }
  local memory = files.memory(n * d * 4)
  local data = ffi.cast("float *", memory)
  local at_a_time = math.max(1, math.floor(CHUNK / row_bytes))
  local buffer = ffi.new("uint8_t[?]", math.min(n, at_a_time) * row_bytes)
  for first = 0, n - 1, at_a_time do
    read_rows(file, layout, buffer, first, math.min(at_a_time, n - first), data)
  end
  float32.check(ffi.cast("uint32_t *", data), n * d, 0, float32.in_rows(d), file.path)
  return { format = "." .. extension, n = n, d = d, data = data, memory = memory }
end

return vecs
