--- Embeddings in files that begin with n and d, little-endian uint32, before n x d numbers: .fbin (float32), .f16bin,
-- .u8bin, .i8bin and .ibin (int32).
-- @module vk_compute.formats.bin

local array = require("vk_compute.formats.array")
local fail = require("vk_compute.system.fail")
local head_number = require("vk_compute.formats.head_number")
local number_types = require("vk_compute.formats.number_types")

local bin = {
  name = ".fbin, .f16bin, .u8bin, .i8bin, .ibin",
  extensions = { "fbin", "f16bin", "u8bin", "i8bin", "ibin" },
}

local HEADER = 8
-- What n may be where only the header tells that a file is one; and as many columns as the library takes.
local PLAUSIBLE_ROWS, MAX_COLUMNS = 2 ^ 23, 65536

-- By the name's ending, which alone tells some of them apart.
local OF_EXTENSION = {
  fbin = number_types.float32, f16bin = number_types.float16, u8bin = number_types.uint8, i8bin = number_types.int8,
  ibin = number_types.int32,
}
-- By the bytes of a number, where the name tells nothing.
local OF_BYTES = {
  { "fbin", number_types.float32 }, { "f16bin", number_types.float16 }, { "u8bin", number_types.uint8 },
}

local function header_of(file)
  local n, d = head_number.uint32(file, 0), head_number.uint32(file, 4)
  if n and d and n > 0 and d > 0 then return n, d end
end

-- The name and the type of such numbers that fit the file's length; nil where none do.
local function type_of(file)
  local n, d = header_of(file)
  if not n then return nil end
  local named = OF_EXTENSION[file.extension]
  if named and HEADER + named.bytes * n * d == file.size then return file.extension, named end
  for _, case in ipairs(OF_BYTES) do
    if HEADER + case[2].bytes * n * d == file.size then return case[1], case[2] end
  end
end

--- Whether a file is as long as its first two numbers say.
function bin.recognises(file)
  return type_of(file) ~= nil
end

--- Whether a file begins with a plausible n and d, whatever its size. Taken for floats, both would be below
-- 1e-38, as no embedding's are.
function bin.resembles(file)
  local n, d = header_of(file)
  return n ~= nil and n < PLAUSIBLE_ROWS and d <= MAX_COLUMNS
end

local function refuse(file)
  local extension = OF_EXTENSION[file.extension] and file.extension or "fbin"
  local n, d = head_number.uint32(file, 0), head_number.uint32(file, 4)
  if not d then fail("%s is cut off in its header: a .%s file begins with n and d, 8 bytes", file.path, extension) end
  if n == 0 or d == 0 then
    fail("%s is empty: its header says n = %.0f, d = %.0f", file.path, n, d)
  end
  local size = HEADER + OF_EXTENSION[extension].bytes * n * d
  fail("%s is %.0f bytes long, but its header (of .%s: n = %.0f, d = %.0f) says %.0f: it is %s, "
    .. "or no .%s file. Copy it or write it anew; raw float32 save as .npy", file.path, file.size, extension, n, d,
    size, file.size < size and "cut off" or "longer than it should be", extension)
end

--- Reads such a file.
-- @tparam table file a byte source with a size
-- @treturn table as @{vk_compute.formats.embedding_file.read} describes it
function bin.read(file)
  local extension, kind = type_of(file)
  if not kind then refuse(file) end
  local n, d = header_of(file)
  local result = array.read(file, { offset = HEADER, type = kind, n = n, d = d })
  result.format = "." .. extension
  return result
end

return bin
