--- What a file is, as far as its beginning tells: for messages about files that are not what they should be.
-- @module vk_compute.cache.file_kind

local files = require("vk_compute.system.files")
local layout = require("vk_compute.cache.layout")
local metadata = require("vk_compute.cache.metadata")
local byte_source = require("vk_compute.formats.byte_source")
local npy = require("vk_compute.formats.npy_header")

local file_kind = {}

local function npy_header(path)
  local ok, header = pcall(files.with, path, "read", function(fd)
    return npy.read(byte_source.of_file(fd, path, files.stat(path).st_size))
  end)
  return ok and header or nil
end

-- The cache that a file is a part of, by its name and what lies beside it.
local function cache_of(path)
  for _, part in ipairs({ "metadata", "partial", "journal" }) do
    local suffix = layout.paths("")[part]
    local cache = path:sub(1, -#suffix - 1)
    if path:sub(-#suffix) == suffix and cache ~= "" then
      local paths = layout.paths(cache)
      if files.stat(paths.journal) or metadata.begins(paths.metadata) then return cache end
    end
  end
end

--- Whether a file holds ids in rows, as caches do and embeddings do not.
function file_kind.holds_ids(path)
  local info = files.stat(path)
  if not (info and files.is_regular(info)) then return false end
  local header = npy_header(path)
  return header ~= nil and header.descr == "<u4"
end

--- Whether a file is a cache or the metadata of one, so that it cannot hold embeddings.
function file_kind.is_of_cache(path)
  local info = files.stat(path)
  return info ~= nil and files.is_regular(info) and (file_kind.holds_ids(path) or metadata.begins(path)
    or metadata.begins(layout.paths(path).metadata))
end

--- Whether a file that has no metadata to be believed is no cache that has lost them.
-- @tparam string path
-- @tparam[opt] string problem of metadata that there are
function file_kind.is_no_cache(path, problem)
  return cache_of(path) ~= nil or not (problem or file_kind.holds_ids(path))
end

--- Whether a path is that of a cache, finished or growing.
function file_kind.is_cache(path)
  return file_kind.is_of_cache(path) or files.stat(layout.paths(path).journal) ~= nil
end

--- What lies at a path, in words.
-- @tparam string path
-- @treturn string such as "a directory", "a cache", "a .npy file of <f4, shape (3, 4)", "JSON"
function file_kind.of(path)
  local info = files.stat(path) or files.link_stat(path)
  if not info then return "not there" end
  if not files.is_regular(info) then return files.type_name(info) end
  if info.st_size == 0 then return "an empty file" end
  if metadata.begins(layout.paths(path).metadata) then return "a cache" end
  local cache = cache_of(path)
  if cache then return "part of the cache " .. cache end
  local header = npy_header(path)
  if header then return ("a .npy file of %s, shape %.60s"):format(header.descr, header.shape) end
  if files.head(path, 64):find("^%s*[%[{]") then return "JSON" end
  return ("a file of %.0f bytes"):format(info.st_size)
end

return file_kind
