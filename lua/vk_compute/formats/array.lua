--- Arrays of n x d numbers that lie in a file without anything between them.
-- @module vk_compute.formats.array

local ffi = require("ffi")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local float32 = require("vk_compute.formats.float32")
local norms = require("vk_compute.formats.norms")
local parallel = require("vk_compute.system.parallel")

local array = {}

-- Numbers that are read and converted at a time, about.
local CHUNK = 65536
-- Bytes of numbers that are worth a process.
local LEAST_SHARED = 2 ^ 24
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

-- Reads numbers from `first` to below `last` to their places, and looks at each. What is checked is what is computed,
-- whatever happens to the file.
local function read_some(file, layout, data, first, last, at_once, advance)
  local kind, n, d = layout.type, layout.n, layout.d
  -- What is float32 already, in its order, is read where it is to lie.
  local is_in_place = kind.name == "float32" and not layout.is_swapped and not layout.is_fortran
  local buffer = not is_in_place and ffi.new("double[?]", at_once)
  local floats = layout.is_fortran and ffi.new("float[?]", at_once)
  local place_of = layout.is_fortran and float32.in_columns(n) or float32.in_rows(d)
  for begin = first, last - 1, at_once do
    local count = math.min(at_once, last - begin)
    local bytes = count * kind.bytes
    local from = buffer or data + begin
    if file:read(from, bytes, layout.offset + begin * kind.bytes) < bytes then
      fail("%s ends too early, or became shorter while it was read: its header says that there are %.0f x %.0f %s. It "
        .. "is cut off: copy it, or write it, anew", file.path, n, d, kind.name)
    end
    if layout.is_swapped then kind.swap(buffer, count) end
    local to = floats or data + begin
    if buffer then kind.take(buffer, count, to, begin, place_of, file.path) end
    float32.check(ffi.cast("uint32_t *", to), count, begin, place_of, file.path)
    if floats then scatter(floats, count, begin, n, d, data) end
    advance(begin, count)
  end
end

-- Of rows that lie one after another, several processes read some each. The norms are measured while a row is in a
-- processor's cache.
local function read_rows(file, layout, data)
  local n, d = layout.n, layout.d
  local memory = files.memory(8 * n, true)
  local norm_of = ffi.cast("double *", memory)
  local rows_at_once = math.max(1, math.floor(CHUNK / d))
  local source = file.untold or file
  parallel.each(n, LEAST_SHARED / (layout.type.bytes * d), function(first_row, last_row, advance)
    read_some(source, layout, data, first_row * d, (last_row + 1) * d, rows_at_once * d, function(first, count)
      norms.measure(data, first / d, count / d, d, norm_of)
      advance(count / d)
    end)
  end, file.progress and function(done) file.progress(done * d * layout.type.bytes) end)
  return norm_of, memory
end

--- Reads such an array.
-- @tparam table file a byte source
-- @tparam table layout `offset` of the first number, `type` (see number_types), `n`, `d`; `is_swapped` where they are
-- big-endian, `is_fortran` where they lie column after column
-- @treturn table `data`, `memory`, `n` and `d`, as @{vk_compute.formats.embedding_file.read} describes them; `norm_of`
-- where all were measured on the way
function array.read(file, layout)
  local n, d = layout.n, layout.d
  if n * d * 4 > MOST_BYTES then
    fail("%s says that it has %.0f x %.0f numbers, which no memory holds: it is damaged", file.path, n, d)
  end
  local is_shared = file.reads_anywhere and not layout.is_fortran and n * d * 4 >= 2 * LEAST_SHARED
  local memory = files.memory(n * d * 4, is_shared)
  local result = { n = n, d = d, data = ffi.cast("float *", memory), memory = memory }
  if is_shared then
    result.norm_of, result.norm_memory = read_rows(file, layout, result.data)
  else
    read_some(file, layout, result.data, 0, n * d, math.min(CHUNK, n * d), function() end)
  end
  return result
end

--- Whether a source ends at a place; one without a size is to be read up to there.
function array.ends_at(file, place)
  if file.size then return file.size == place end
  return file:read(ffi.new("uint8_t[1]"), 1, place) == 0
end

return array
