--- The files of a cache and where rows lie in them.
--
-- For the cache NAME:
--
-- - NAME           finished: a .npy file of uint32, shape (n, length); row s is the sequence from s, or
--                  of nearest neighbours the list of s; of their similarities float32. Of a shard those rows
--                  that it has
-- - NAME.json      beside it: what it was made from, its checksums (see metadata.lua)
-- - NAME.partial   while it grows: the same layout as NAME, space reserved first
-- - NAME.journal   while it grows: which rows of NAME.partial are on disk (see journal.lua)
-- - NAME.lock      while there is a writer (see target.lua)
-- @module vk_compute.cache.layout

local files = require("vk_compute.system.files")
local identity = require("vk_compute.cache.identity")
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
-- @tparam table what an identity
-- @treturn table `header` (a string), `row_bytes`, `file_bytes`; `first` and `last` (rows), `count` (of rows);
-- `offset`: function (row) -> where it begins
function layout.of(what)
  local first, count = identity.rows(what)
  local is_float = what.kind and kinds[what.kind].descr == "<f4"
  local header = (is_float and npy.float32_header or npy.uint32_header)(count, what.length)
  local row_bytes = what.length * 4
  return {
    header = header, row_bytes = row_bytes, file_bytes = #header + count * row_bytes,
    first = first, last = first + count - 1, count = count,
    offset = function(row) return #header + (row - first) * row_bytes end,
  }
end

--- Whether a file begins with the header it should have, or is gone: its writer may have given it another name
-- meanwhile. Raises where it cannot be read.
function layout.has_header(path, place)
  local head = files.head_if_there(path, #place.header)
  return not head or head == place.header
end

return layout
