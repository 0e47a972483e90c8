--- Arrays of n x d numbers that lie in a file without anything between them.
-- @module vk_compute.formats.array

local ffi = require("ffi")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local float32 = require("vk_compute.formats.float32")

local array = {}

-- Numbers that are converted at a time.
local CHUNK = 65536
-- No memory of more bytes can be addressed.
local MOST_BYTES = 2 ^ 46

-- Brings numbers that lie column after column to their places.
local function scatter(floats, count, first, n, d, data)
  local row, column = first % n, math.floor(first / n)
  for k = 0, count - 1 do
    data[row * d + column] = floats[k]
    row = row + 1
    if row == n then row, column = 0, column + 1 end
  end
end

--- Reads such an array. What is checked is what is computed, whatever happens to the file.
-- @tparam table file a byte source
-- @tparam table layout `offset` of the first number, `type` (see number_types), `n`, `d`; `is_swapped` where they are
-- big-endian, `is_fortran` where they lie column after column
-- @treturn table `data`, `memory`, `n` and `d`, as @{vk_compute.formats.embedding_file.read} describes them
function array.read(file, layout)
  local kind, n, d = layout.type, layout.n, layout.d
  if n * d * 4 > MOST_BYTES then
    fail("%s says that it has %.0f x %.0f numbers, which no memory holds: it is damaged", file.path, n, d)
  end
  local memory = files.memory(n * d * 4)
  local data = ffi.cast("float *", memory)
  -- What is float32 already, in its order, is read where it is to lie.
  local is_in_place = kind.name == "float32" and not layout.is_swapped and not layout.is_fortran
  local buffer = not is_in_place and ffi.new("double[?]", math.min(CHUNK, n * d))
  local floats = layout.is_fortran and ffi.new("float[?]", CHUNK)
  local place_of = layout.is_fortran and float32.in_columns(n) or float32.in_rows(d)
  for first = 0, n * d - 1, CHUNK do
    local count = math.min(CHUNK, n * d - first)
    local bytes = count * kind.bytes
    local from = buffer or data + first
    if file:read(from, bytes, layout.offset + first * kind.bytes) < bytes then
      fail("%s ends too early, or became shorter while it was read: its header says that there are %.0f x %.0f %s. It "
        .. "is cut off: copy it, or write it, anew", file.path, n, d, kind.name)
    end
    if layout.is_swapped then kind.swap(buffer, count) end
    local to = floats or data + first
    if buffer then kind.take(buffer, count, to, first, place_of, file.path) end
    float32.check(ffi.cast("uint32_t *", to), count, first, place_of, file.path)
    if floats then scatter(floats, count, first, n, d, data) end
  end
  return { n = n, d = d, data = data, memory = memory }
end

--- Whether a source ends at a place; one without a size is to be read up to there.
function array.ends_at(file, place)
  if file.size then return file.size == place end
  return file:read(ffi.new("uint8_t[1]"), 1, place) == 0
end

return array
