--- Headers of NumPy's .npy files, to read and to write.
-- @module vk_compute.formats.npy_header

local conversion = require("vk_compute.formats.conversion")
local fail = require("vk_compute.system.fail")

local npy = {}

local MAGIC = "\147NUMPY"
local UINT32_MAX = 2 ^ 32 - 1
-- The longest header a reader takes: ours is below 128 bytes, NumPy's for two numbers too. It must be within the head
-- of a byte source.
local MAX_HEADER = 32768

--- Whether a file that begins with these bytes is one.
function npy.begins(bytes)
  return bytes:sub(1, #MAGIC) == MAGIC
end

-- The header's text and where the data begin.
local function header_of(prefix, path)
  if not npy.begins(prefix) then
    fail("%s is not a .npy file: write one with numpy.save", path)
  end
  if #prefix < 12 then fail("%s is cut off in its header: copy it, or write it with numpy.save, anew", path) end
  local major = prefix:byte(7)
  local length, first
  if major == 1 then
    length, first = prefix:byte(9) + 256 * prefix:byte(10), 11
  elseif major == 2 or major == 3 then
    length, first = 0, 13
    for place = 12, 9, -1 do length = 256 * length + prefix:byte(place) end
  else
    fail("%s has .npy version %d; versions 1 to 3 can be read", path, major)
  end
  if length > MAX_HEADER then
    fail("%s claims a header of %.0f bytes: it is damaged, or not a plain array. Write it anew with "
      .. "numpy.save", path, length)
  end
  local text = prefix:sub(first, first + length - 1)
  if #text < length then fail("%s is cut off in its header: copy it, or write it with numpy.save, anew", path) end
  return (text:gsub("[^\32-\126]", " ")), first - 1 + length
end

local function field(text, name, pattern, path)
  local value = text:match("['\"]" .. name .. "['\"]%s*:%s*" .. pattern)
  if not value then
    fail("the header of %s has no plain %s: %.99s. Save a plain array of floats with numpy.save", path, name, text)
  end
  return value
end

--- Reads the header of an array; versions 1 to 3.
-- @tparam table file a byte source
-- @treturn table `descr` (the type, such as "<f4"), `shape` (such as "(3, 1)"), `is_fortran`, `offset` of the data
function npy.read(file)
  local path = file.path
  local text, offset = header_of(file.head, path)
  return {
    descr = field(text, "descr", "['\"]([^'\"]*)['\"]", path),
    shape = field(text, "shape", "(%b())", path),
    is_fortran = field(text, "fortran_order", "(%a+)", path) == "True",
    offset = offset,
  }
end

--- An expression of Python that loads an array; with a place for more arguments.
-- @tparam table file a byte source; a member of an archive says how it is loaded
function npy.python_load(file)
  return file.python_load or "numpy.load(sys.argv[1]%s)"
end

--- The numbers of rows and columns of a two-dimensional array that is not empty.
-- @tparam table header as from read
-- @tparam table file the byte source it is of
-- @treturn number
-- @treturn number
function npy.rows_and_columns(header, file)
  local path, shape = file.path, header.shape
  local n, d = shape:match("^%(%s*(%d+)L?%s*,%s*(%d+)L?%s*,?%s*%)$")
  if not n then
    local last = shape:match("(%d+)L?%s*,?%s*%)$")
    fail("%s has shape %.60s; embeddings are two-dimensional, one row an item%s", path, shape,
      last and (". For rows of %s numbers: %s"):format(last, conversion.python(file.file, "",
        ("%s.reshape(-1, %s)"):format(npy.python_load(file):format(""), last))) or "")
  end
  n, d = tonumber(n), tonumber(d)
  if n == 0 or d == 0 then
    fail("%s has shape %.60s: there is nothing in it to compute from", path, shape)
  end
  if n > UINT32_MAX or d > UINT32_MAX then
    fail("%s has shape %.60s; at most 2^32 - 1 rows and columns are possible", path, shape)
  end
  return n, d
end

local function header(descr, rows, columns)
  local text = ("{'descr': '%s', 'fortran_order': False, 'shape': (%.0f, %.0f), }"):format(descr,
    rows, columns)
  -- 10 bytes stand before the text, and a line feed ends it.
  local padding = -(10 + #text + 1) % 64
  local length = #text + padding + 1
  return MAGIC .. "\1\0" .. string.char(length % 256, math.floor(length / 256)) .. text
    .. (" "):rep(padding) .. "\n"
end

--- The header of a version 1.0 file that holds rows x columns uint32, little-endian, in C order.
-- @treturn string a multiple of 64 bytes; the data follow it
function npy.uint32_header(rows, columns)
  return header("<u4", rows, columns)
end

--- The same for float32.
-- @treturn string
function npy.float32_header(rows, columns)
  return header("<f4", rows, columns)
end

return npy
