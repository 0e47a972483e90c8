--- Embeddings as nothing but float32 numbers, little-endian, row after row. The caller says n or d.
-- @module vk_compute.formats.raw

local array = require("vk_compute.formats.array")
local fail = require("vk_compute.system.fail")
local number_types = require("vk_compute.formats.number_types")
local text = require("vk_compute.formats.text")

local raw = {}

local function refuse_text(file)
  local first_line = file.head:match("^%s*([^\r\n]*)"):gsub("[^\32-\126]", "?")
  fail("%s looks like text, not float32: it begins '%.60s'. Write the embeddings as JSON, a list of numbers for each, "
    .. "as CSV, a column for each number, or with numpy.save", file.path, first_line)
end

--- Reads such a file, or refuses it where the caller says neither.
-- @tparam table file a byte source with a size
-- @tparam table options `n` or `d` or both
-- @treturn table as @{vk_compute.formats.embedding_file.read} describes it
function raw.read(file, options)
  if text.is_text(file) then refuse_text(file) end
  local n, d = options.n, options.d
  if not (n or d) then
    fail("%s is of no format known here: %s. If it is raw float32, say how many numbers an embedding has, with the "
      .. "option d (--dim), or how many embeddings there are, with n (--rows)", file.path, file.known_formats)
  end
  local row_bytes = d and 4 * d or file.size / n
  if (n or file.size / row_bytes) * row_bytes ~= file.size or file.size % row_bytes ~= 0
    or row_bytes % 4 ~= 0 then
    fail("%s is %.0f bytes long, which is no raw float32 with%s%s: it is cut off, or these are wrong",
      file.path, file.size, n and (" n = %.0f"):format(n) or "", d and (" d = %.0f"):format(d) or "")
  end
  local result = array.read(file, {
    offset = 0, type = number_types.float32, n = file.size / row_bytes, d = row_bytes / 4,
  })
  result.format = "raw float32"
  return result
end

return raw
