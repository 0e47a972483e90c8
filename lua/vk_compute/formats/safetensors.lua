--- Embeddings in .safetensors files: the length of a header, a header of JSON, and tensors.
-- @module vk_compute.formats.safetensors

local ffi = require("ffi")
local array = require("vk_compute.formats.array")
local byte_source = require("vk_compute.formats.byte_source")
local choice = require("vk_compute.formats.choice")
local conversion = require("vk_compute.formats.conversion")
local fail = require("vk_compute.system.fail")
local json = require("vk_compute.system.json")
local number_types = require("vk_compute.formats.number_types")

local safetensors = { name = ".safetensors", extensions = { "safetensors" }, is_in_order = true, has_arrays = true }

local TYPES = {
  F16 = number_types.float16, F32 = number_types.float32, F64 = number_types.float64, BF16 = number_types.bfloat16,
  I8 = number_types.int8, U8 = number_types.uint8,
}
-- What NumPy calls types, those that are not read among them.
local NUMPY = {
  F16 = "f2", F32 = "f4", F64 = "f8", I8 = "i1", U8 = "u1", I16 = "i2", U16 = "u2", I32 = "i4", U32 = "u4", I64 = "i8",
  U64 = "u8", BOOL = "u1",
}
local PREFIX = 8
-- Models of thousands of tensors have less.
local MOST_HEADER = 2 ^ 24

--- Whether a file begins with a length below 2^48 and then as a header does.
function safetensors.recognises(file)
  return file.head:find('^......%z%z{%s*["}]') ~= nil
end

local function refuse(file, problem)
  fail("%s is a .safetensors file that is damaged or cut off: %s. Copy it, or write it, anew", file.path, problem)
end

local function whole_number(value)
  return type(value) == "number" and value >= 0 and value % 1 == 0 and value < 2 ^ 53
end

local function entry_of(file, name, fields)
  local offsets, shape = type(fields) == "table" and fields.data_offsets, type(fields) == "table" and fields.shape
  if type(offsets) ~= "table" or type(shape) ~= "table" or type(fields.dtype) ~= "string"
    or not (whole_number(offsets[1]) and whole_number(offsets[2]) and offsets[1] <= offsets[2]) then
    refuse(file, "its header has no plain entry for " .. name)
  end
  for _, extent in ipairs(shape) do
    if not whole_number(extent) then refuse(file, "the shape of " .. name .. " is none") end
  end
  return { name = name, dtype = fields.dtype, shape = shape, first = offsets[1], past = offsets[2] }
end

-- The tensors, in the order of their places, and where these count from.
local function tensors_of(file)
  local length = 0
  for k = PREFIX, 1, -1 do length = 256 * length + (file.head:byte(k) or 0) end
  if length > MOST_HEADER then refuse(file, ("it claims a header of %.0f bytes"):format(length)) end
  local text = file.head:sub(PREFIX + 1, PREFIX + length)
  if #text < length and #file.head == byte_source.HEAD then
    local rest = ffi.new("uint8_t[?]", length - #text)
    text = text .. ffi.string(rest, file:read(rest, length - #text, #file.head))
  end
  if #text < length then refuse(file, "it ends in its header") end
  local ok, header = pcall(json.decode, text)
  if not ok or type(header) ~= "table" then refuse(file, "its header is no JSON") end
  local entries = {}
  for name, fields in pairs(header) do
    if type(name) ~= "string" then refuse(file, "its header is no object") end
    if name ~= "__metadata__" then entries[#entries + 1] = entry_of(file, name, fields) end
  end
  table.sort(entries, function(a, b) return a.first < b.first or a.first == b.first and a.name < b.name end)
  return entries, PREFIX + length
end

-- A command that makes rows of a tensor, whatever its type and shape; "" where NumPy has none.
local function conversion_of(file, tensor, offset)
  if not NUMPY[tensor.dtype] or #tensor.shape == 0 or tensor.past == tensor.first then
    return ": save it as float32, two-dimensional"
  end
  return ". Convert it: " .. conversion.python(file.file, "",
    ('numpy.frombuffer(open(sys.argv[1], "rb").read()[%.0f:%.0f], "<%s").reshape(-1, %.0f)'):format(
      offset + tensor.first, offset + tensor.past, NUMPY[tensor.dtype], tensor.shape[#tensor.shape]))
end

--- Reads one tensor of such a file.
-- @tparam table file a byte source
-- @tparam table options `array`, the name of the tensor, where there are several
-- @treturn table as @{vk_compute.formats.embedding_file.read} describes it
function safetensors.read(file, options)
  local entries, offset = tensors_of(file)
  if not entries[1] then fail("%s holds no tensor: save the embeddings in it", file.path) end
  local chosen = choice.among(file.path, entries, options.array)
  local kind, n, d = TYPES[chosen.dtype], chosen.shape[1], chosen.shape[2]
  if not kind then
    fail("%s: the tensor %s holds %.20s; embeddings must be F16, F32, F64, BF16, I8 or U8%s", file.path, chosen.name,
      chosen.dtype, conversion_of(file, chosen, offset))
  end
  if #chosen.shape ~= 2 or n == 0 or d == 0 then
    fail("%s: the tensor %s has the shape [%s]; embeddings are two-dimensional, one row an item%s", file.path,
      chosen.name, table.concat(chosen.shape, ", "), conversion_of(file, chosen, offset))
  end
  if n > 2 ^ 32 - 1 or d > 2 ^ 32 - 1 or chosen.past - chosen.first ~= n * d * kind.bytes then
    refuse(file, ("%s says %.0f bytes for %.0f x %.0f %s"):format(chosen.name, chosen.past - chosen.first, n, d,
      kind.name))
  end
  if file.size and offset + chosen.past > file.size then refuse(file, chosen.name .. " does not end in it") end
  local result = array.read(file, { offset = offset + chosen.first, type = kind, n = n, d = d })
  result.format = ".safetensors of " .. kind.name
  if #entries > 1 then result.details = (", the tensor %.60s of %d"):format(chosen.name, #entries) end
  return result
end

return safetensors
