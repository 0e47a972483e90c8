--- Embeddings as nothing but float32 numbers, little-endian, row after row. The caller says n or d.
-- @module vk_compute.formats.raw

local binary = require("vk_compute.formats.binary")
local fail = require("vk_compute.fail")

local raw = {}

--- Reads such a file, or refuses it where the caller says neither.
-- @tparam table file as embedding_file opens it
-- @tparam table options `n` or `d` or both
-- @treturn table as @{vk_compute.embedding_file.read} describes it
function raw.read(file, options)
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
