--- Reading a cache back.
-- @module vk_compute.cache.reader

local ffi = require("ffi")
local arguments = require("vk_compute.system.arguments")
local embeddings = require("vk_compute.ffi.embeddings")
local errors = require("vk_compute.system.errors")
local fail = require("vk_compute.system.fail")
local file_kind = require("vk_compute.cache.file_kind")
local files = require("vk_compute.system.files")
local identity = require("vk_compute.cache.identity")
local kinds = require("vk_compute.cache.kinds")
local repair_hint = require("vk_compute.cache.repair_hint")
local source = require("vk_compute.cache.source")
local twin = require("vk_compute.cache.twin")
local view = require("vk_compute.ffi.view")
local xxhash = require("vk_compute.system.xxhash")

local reader = {}

local Cache = {}
Cache.__index = Cache

local function read_embeddings(given)
  -- Loaded where it is needed: most who read a cache read no embeddings.
  if type(given) == "string" then return require("vk_compute.formats.embedding_file").read(given) end
  local data, n, d
  if type(given) == "table" and type(given[2]) == "number" and type(given[1]) ~= "number" then
    data, n, d = embeddings.read(given[1], given[2], given[3])
  else
    data, n, d = embeddings.read(given)
  end
  local of_file = type(given) == "table" and type(given.ids) == "table"
  return {
    data = data, n = n, d = d, bytes = n * d * 4, owner = given,
    path = of_file and given.path, ids = of_file and given.ids,
  }
end

local function check_embeddings(path, what, read)
  local difference = identity.difference(what, identity.of(read, what))
  if difference then
    fail("%s was made from other embeddings than those given; what differs: %s. Compute it anew",
      path, difference)
  end
end

local OPTIONS = { embeddings = "string|table", partial = "boolean" }

local function check_wanted(from, path, options, kind)
  if kind and from.what.kind ~= kind then
    fail("%s holds %s, not %s", path, kinds[from.what.kind].rows, kinds[kind].rows)
  end
  if not from.finished and not options.partial then
    fail("%s is not finished: %.0f of %.0f rows are done. Run the computation again to go on", path,
      from.done, from.place.count)
  end
end

-- Opens what a function of source finds.
local function open(find, path, options, kind)
  local from = find(path)
  check_wanted(from, path, options, kind)
  local info = files.stat(from.file)
  if info and info.st_size ~= from.place.file_bytes then
    fail("%s is %.0f bytes long and should be %.0f: it is damaged: %s", from.file, info.st_size,
      from.place.file_bytes, repair_hint(path, from.what))
  end
  local ok, mapping = pcall(files.map, from.file, from.place.file_bytes)
  if not ok then
    -- A writer has given the file its final name meanwhile.
    if not from.finished and not files.stat(from.file) then return open(find, path, options, kind) end
    error(mapping, 0)
  end
  local items
  if options.embeddings then
    local read = read_embeddings(options.embeddings)
    check_embeddings(path, from.what, read)
    if read.ids then items = require("vk_compute.formats.items").new(read) end
  end
  return setmetatable(identity.copy(from.what, {
    path = path, finished = from.finished, done = from.done, source = from, mapping = mapping,
    viewed = false, items = items,
  }), Cache)
end

--- Opens a cache for reading. The file is mapped, not read; a row is compared with its checksum when it
-- is asked for. A mapped file that another program makes shorter in place ends this process when a row is read (the
-- system sends SIGBUS): put other files there by renaming, as all programs of this project do.
-- @tparam string path
-- @tparam[opt] table options
--
-- - `embeddings`: what the cache must have been made from: the name of a file of them, what
--   vk.read_embeddings gives, a table of tables, or `{source, n, d}` with what upload_embeddings takes as
--   (source, n, d). Where it is a file's and items have ids there, @{Cache:row} knows them, too
-- - `partial`: true takes a cache that is not finished too, with the rows that are done
-- @tparam[opt] string kind that it must be of: a key of kinds.lua
-- @treturn Cache with the fields of an identity, `fingerprint`, `finished` and `done` (rows there are)
-- @raise no such cache; one of another kind; one that is not finished; a shard; a damaged one; one of other
-- embeddings
function reader.load(path, options, kind)
  if type(path) ~= "string" then
    errors.raise("path must be a string, but is %s", arguments.describe(path))
  end
  options = arguments.options(options, OPTIONS)
  return open(source.open_whole, path, options, kind)
end

--- The same of a finished cache that may be a shard: only those of its rows that there are may be asked for.
function reader.load_rows(path, kind)
  return open(source.open, path, {}, kind)
end

--- A cache open for reading: what @{load} gives.
-- @type Cache

--- Gives a row: the diversity sequence from start, start first; or the nearest neighbours of start, the
-- most similar first.
-- @tparam number|string start an id, 0 to n - 1; or, as a string, what the item is called in the file of embeddings
-- that the cache was loaded with
-- @tparam[opt] table options `as`: "table" (default); "view"; or "ids", which gives what the items are called in that
-- file
-- @treturn table length ids; or a view of length `uint32_t` in the mapped file, which
-- stays valid after close; or length strings. Of a cache that is not finished, nil for a row that is not done
-- @raise no such start; a damaged row; a closed cache; items that are not called anything
function Cache:row(start, options)
  if not self.mapping then errors.raise("this cache was closed: load it again") end
  options = arguments.options(options, { as = "string" })
  local as_ids = options.as == "ids"
  if (as_ids or type(start) == "string") and not self.items then
    errors.raise("%sthis cache knows no ids but indices: load it with { embeddings = } of a file whose items have ids",
      as_ids and "" or "start must be an integer, since ")
  end
  if type(start) == "string" then start = self.items:index_of_id(start, "start") end
  arguments.uint32(start, "start")
  local count = identity.all_rows(self)
  if start >= count then
    errors.raise(self.queries and "query %.0f is not below their number, which is %.0f"
      or "start %.0f is not below n, which is %.0f", start, count)
  end
  local as_view = not as_ids and arguments.wants_view(options, "ids")
  local checksum = self.source.checksum_of(start)
  if not checksum then return nil end
  local place = self.source.place
  local bytes = ffi.cast("const char *", self.mapping) + place.offset(start)
  if xxhash.hex64(bytes, place.row_bytes) ~= checksum then
    fail("row %.0f of %s is damaged: %s", start, self.source.file,
      repair_hint(self.path, self))
  end
  local element = kinds[self.kind].descr == "<f4" and "const float *" or "const uint32_t *"
  local row = view.list(ffi.cast(element, bytes), self.length, self.mapping)
  if as_ids then return self.items:names(row:totable()) end
  if not as_view then return row:totable() end
  self.viewed = true
  return row
end

--- Gives the similarities of the nearest neighbours of an item, in the order of `row`, where the cache was made with
-- `--similarities`.
-- @param start as for `row`
-- @tparam[opt] table options `as`: "table" (default) or "view"
-- @treturn table length numbers; or a view of length `float`
-- @raise as for `row`; similarities that are not there, not finished or of another cache
function Cache:similarities(start, options)
  if not self.mapping then errors.raise("this cache was closed: load it again") end
  options = arguments.options(options, { as = "string" })
  arguments.wants_view(options)
  if not self.twin then
    local path = twin.path(self.path)
    if not file_kind.is_cache(path) and not files.stat(path) then
      fail("%s has no similarities: there is no %s. neighbors --similarities writes it", self.path, path)
    end
    local opened = reader.load(path, nil, "similarities")
    local problem = twin.problem(path, opened)
    if problem then
      opened:close()
      fail("%s", problem)
    end
    opened.items = self.items
    self.twin = opened
  end
  return self.twin:row(start, options)
end

--- Closes the cache. The file is unmapped at once, or, where views of it are about, with the last of
-- them. Any later use raises, but for another close, which does nothing.
function Cache:close()
  local mapping = self.mapping
  self.mapping = nil
  if self.twin then self.twin:close() end
  if mapping and not self.viewed then files.unmap(mapping, self.source.place.file_bytes) end
end

return reader
