--- Embeddings in NumPy's .npy files: float16, float32, float64, bfloat16, int8 or uint8, of either byte order, in C or
-- Fortran order.
-- @module vk_compute.formats.npy

local array = require("vk_compute.formats.array")
local conversion = require("vk_compute.formats.conversion")
local fail = require("vk_compute.system.fail")
local npy_header = require("vk_compute.formats.npy_header")
local number_types = require("vk_compute.formats.number_types")

local npy = { name = ".npy", extensions = { "npy" }, is_in_order = true }

-- NumPy has no bfloat16: files of it hold two bytes of no type.
local TYPES = {
  f2 = number_types.float16, f4 = number_types.float32, f8 = number_types.float64, V2 = number_types.bfloat16,
  i1 = number_types.int8, u1 = number_types.uint8,
}

function npy.recognises(file)
  return npy_header.begins(file.head)
end

-- An expression of Python that makes numbers of another type.
local function conversion_of(file, descr)
  local load = npy_header.python_load(file)
  if descr:find("O") then return ("numpy.stack(" .. load .. ")"):format(", allow_pickle=True") end
  return load:format("")
end

local function type_of(header, file)
  local order, name = header.descr:match("^([<>|=]?)(%a%d)$")
  local kind = TYPES[name]
  if not kind or order == "|" and kind.bytes > 1 and kind ~= number_types.bfloat16 then
    fail("%s holds the type %.60s; embeddings must be float16, float32, float64, bfloat16, int8 or uint8. Convert it: "
      .. "%s", file.path, header.descr, conversion.python(file.file, "", conversion_of(file, header.descr)))
  end
  return kind, order == ">" and kind.bytes > 1
end

--- Reads such a file: two-dimensional; header versions 1 to 3.
-- @tparam table file a byte source
-- @treturn table as @{vk_compute.formats.embedding_file.read} describes it
function npy.read(file)
  local header = npy_header.read(file)
  local kind, is_swapped = type_of(header, file)
  local n, d = npy_header.rows_and_columns(header, file)
  local size = header.offset + n * d * kind.bytes
  if file.size and file.size ~= size then
    fail("%s is %.0f bytes long, but its header (%.0f x %.0f %s) says %.0f: it is %s", file.path,
      file.size, n, d, kind.name, size, file.size < size and "cut off: copy it, or write it with numpy.save, anew"
        or "more than one array: save one alone")
  end
  local result = array.read(file, {
    offset = header.offset, type = kind, n = n, d = d, is_swapped = is_swapped, is_fortran = header.is_fortran,
  })
  if not array.ends_at(file, size) then fail("%s is more than one array: save one alone", file.path) end
  result.format = (".npy of %s%s%s"):format(is_swapped and "big-endian " or "", kind.name,
    header.is_fortran and " in Fortran order" or "")
  return result
end

return npy
