--- The files of a cache and where rows lie in them.
--
-- For the cache NAME:
--
-- - NAME           finished: a .npy file of uint32, shape (n, length); row s is the sequence from s, or
--                  of nearest neighbours the list of s; of their similarities float32
-- - NAME.json      beside it: what it was made from, its checksums (see metadata.lua)
-- - NAME.partial   while it grows: the same layout as NAME, space reserved first
-- - NAME.journal   while it grows: which rows of NAME.partial are on disk (see journal.lua)
-- - NAME.lock      while there is a writer (see target.lua)
-- @module vk_compute.cache.layout

local files = require("vk_compute.system.files")
local kinds = require("vk_compute.cache.kinds")
local npy = require("vk_compute.formats.npy_header")

local layout = {}

--- The names of a cache's files.
-- @tparam string path the finished file's
function layout.paths(path)
  return {
    finished = path,
    metadata = path .. ".json",
    partial = path .. ".partial",
    journal = path .. ".journal",
  }
end

--- Where things lie in NAME and NAME.partial.
-- @tparam table what an identity, or any table with n and length
-- @treturn table `header` (a string), `row_bytes`, `file_bytes`
function layout.of(what)
  local is_float = what.kind and kinds[what.kind].descr == "<f4"
  local header = (is_float and npy.float32_header or npy.uint32_header)(what.n, what.length)
  local row_bytes = what.length * 4
  return { header = header, row_bytes = row_bytes, file_bytes = #header + what.n * row_bytes }
end

--- Whether a file begins with the header it should have.
function layout.has_header(path, place)
  local ok, head = pcall(files.head, path, #place.header)
  return ok and head == place.header
end

return layout
