--- Embeddings as nothing but float32 numbers, little-endian, row after row. The caller says n or d.
-- @module vk_compute.formats.raw

local binary = require("vk_compute.formats.binary")
local fail = require("vk_compute.system.fail")
local printable = require("vk_compute.system.printable")

local raw = {}

-- What text consists of: sequences of UTF-8, the last of which the head may cut off, and printable ASCII.
local TEXT = { "[\194-\223][\128-\191]", "[\224-\239][\128-\191][\128-\191]",
  "[\240-\244][\128-\191][\128-\191][\128-\191]", "[\194-\244][\128-\191]?[\128-\191]?$", "[\9-\13\32-\126]" }

-- Whether a file's beginning is nothing but printable text. Of a thousand floats some bytes are none; of a
-- few they may all be by chance, but text read as floats would be nonsense that nobody sees.
local function is_text(file)
  local rest = file.head
  for k, pattern in ipairs(TEXT) do rest = rest:gsub(pattern, k == #TEXT and "" or " ") end
  return rest == ""
end

local function refuse_text(file)
  local first_line = file.head:match("^%s*([^\r\n]*)"):gsub("[^\32-\126]", "?")
  fail("%s looks like text, not float32: it begins '%.60s'. Of numbers with commas between them make a .npy file: "
    .. "numpy.save('out.npy', numpy.loadtxt(%s, delimiter=',', dtype='float32'))", file.path, first_line,
    printable.python_string(file.path))
end

--- Reads such a file, or refuses it where the caller says neither.
-- @tparam table file as embedding_file opens it
-- @tparam table options `n` or `d` or both
-- @treturn table as @{vk_compute.formats.embedding_file.read} describes it
function raw.read(file, options)
  if is_text(file) then refuse_text(file) end
  local n, d = options.n, options.d
  if not (n or d) then
    fail("%s is of no format known here: .npy, JSON, JSONL, .fvecs, .fbin. If it is raw float32, say how "
      .. "many numbers an embedding has, with the option d (--dim), or how many embeddings there are, with "
      .. "n (--rows)", file.path)
  end
  local row_bytes = d and 4 * d or file.size / n
  if (n or file.size / row_bytes) * row_bytes ~= file.size or file.size % row_bytes ~= 0
    or row_bytes % 4 ~= 0 then
    fail("%s is %.0f bytes long, which is no raw float32 with%s%s: it is cut off, or these are wrong",
      file.path, file.size, n and (" n = %.0f"):format(n) or "", d and (" d = %.0f"):format(d) or "")
  end
  return binary.result(file, "raw float32", binary.read(file, 0, file.size), file.size / row_bytes,
    row_bytes / 4)
end

return raw
