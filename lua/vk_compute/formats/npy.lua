--- Embeddings in NumPy's .npy files: float32, float64 or float16, of either byte order.
-- @module vk_compute.formats.npy

local ffi = require("ffi")
local bit = require("bit")
local conversion = require("vk_compute.formats.conversion")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local float32 = require("vk_compute.formats.float32")
local npy_header = require("vk_compute.formats.npy_header")

local npy = { name = ".npy", extensions = { "npy" } }

-- Numbers that are converted at a time.
local CHUNK = 65536

function npy.recognises(file)
  return npy_header.begins(file.head)
end

local halves

-- What each of the 65,536 float16 stands for.
local function half_table()
  if halves then return halves end
  halves = ffi.new("float[65536]")
  for bits = 0, 65535 do
    local exponent, fraction = math.floor(bits / 1024) % 32, bits % 1024
    local value
    if exponent == 31 then
      value = fraction == 0 and math.huge or 0 / 0
    elseif exponent == 0 then
      value = fraction * 2 ^ -24
    else
      value = (1024 + fraction) * 2 ^ (exponent - 25)
    end
    halves[bits] = bits >= 32768 and -value or value
  end
  return halves
end

local function swap_2(words, count)
  for k = 0, count - 1 do words[k] = bit.rshift(bit.bswap(words[k]), 16) end
end

local function swap_4(words, count)
  for k = 0, count - 1 do words[k] = bit.bswap(words[k]) end
end

local function swap_8(words, count)
  for k = 0, 2 * count - 1, 2 do
    words[k], words[k + 1] = bit.bswap(words[k + 1]), bit.bswap(words[k])
  end
end

-- Each takes count numbers from a buffer to data, the first of which is number `first` of the array.

local function take_2(buffer, count, data)
  local bits, values = ffi.cast("uint16_t *", buffer), half_table()
  for k = 0, count - 1 do data[k] = values[bits[k]] end
end

local function take_4(buffer, count, data)
  ffi.copy(data, buffer, count * 4)
end

local function take_8(buffer, count, data, first, d, path)
  float32.check_doubles(ffi.cast("uint32_t *", buffer), count, first, d, path)
  local doubles = ffi.cast("double *", buffer)
  for k = 0, count - 1 do data[k] = doubles[k] end
end

-- For each type its size, how its bytes are swapped and in what words, and how its numbers are taken.
local TYPES = {
  f2 = { name = "float16", bytes = 2, words = "uint16_t *", swap = swap_2, take = take_2 },
  f4 = { name = "float32", bytes = 4, words = "uint32_t *", swap = swap_4, take = take_4 },
  f8 = { name = "float64", bytes = 8, words = "uint32_t *", swap = swap_8, take = take_8 },
}

-- An expression of Python that makes numbers of another type.
local function conversion_of(descr)
  if descr:find("O") then return "numpy.stack(numpy.load(sys.argv[1], allow_pickle=True))" end
  -- NumPy has no bfloat16: files of it hold two bytes of no type. They are the upper half of a float32.
  if descr:find("V2$") then return '(numpy.load(sys.argv[1]).view("<u2").astype("<u4") << 16).view("<f4")' end
  return "numpy.load(sys.argv[1])"
end

local function type_of(header, path)
  local order, name = header.descr:match("^([<>])(f[248])$")
  if not order then
    fail("%s holds the type %.60s; embeddings must be float32, float64 or float16. Convert it: %s", path,
      header.descr, conversion.python(path, "", conversion_of(header.descr)))
  end
  return TYPES[name], order == ">"
end

-- Reads count numbers, from the number first on, to where they belong.
local function read_chunk(file, offset, kind, swapped, buffer, first, count, d, data)
  local bytes = count * kind.bytes
  if files.read(file.fd, file.path, buffer, bytes, offset + first * kind.bytes) < bytes then
    fail("%s became shorter while it was read", file.path)
  end
  if swapped then kind.swap(ffi.cast(kind.words, buffer), count) end
  kind.take(buffer, count, data + first, first, d, file.path)
  float32.check(ffi.cast("uint32_t *", data + first), count, first, d, file.path)
end

--- Reads such a file: two-dimensional, in C order; header versions 1 to 3. The data are read, not mapped:
-- what is checked is then what is computed, whatever happens to the file.
-- @tparam table file as embedding_file opens it
-- @treturn table as @{vk_compute.formats.embedding_file.read} describes it
function npy.read(file)
  local header = npy_header.read(file.fd, file.path, file.size)
  local kind, swapped = type_of(header, file.path)
  local n, d = npy_header.rows_and_columns(header, file.path)
  local size = header.offset + n * d * kind.bytes
  if file.size ~= size then
    fail("%s is %.0f bytes long, but its header (%.0f x %.0f %s) says %.0f: it is %s", file.path,
      file.size, n, d, kind.name, size, file.size < size and "cut off: copy it, or write it with numpy.save, anew"
        or "more than one array: save one alone")
  end
  local memory = files.memory(n * d * 4)
  local data = ffi.cast("float *", memory)
  local buffer = ffi.new("double[?]", CHUNK)
  for first = 0, n * d - 1, CHUNK do
    read_chunk(file, header.offset, kind, swapped, buffer, first, math.min(CHUNK, n * d - first), d, data)
  end
  return {
    format = (".npy of %s%s"):format(swapped and "big-endian " or "", kind.name), n = n, d = d,
    data = data, memory = memory,
  }
end

return npy
