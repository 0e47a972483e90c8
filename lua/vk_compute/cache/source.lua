--- A cache to read from: finished, or the rows of a growing one that are on disk.
-- @module vk_compute.cache.source

local fail = require("vk_compute.system.fail")
local file_kind = require("vk_compute.cache.file_kind")
local files = require("vk_compute.system.files")
local identity = require("vk_compute.cache.identity")
local journal = require("vk_compute.cache.journal")
local layout = require("vk_compute.cache.layout")
local metadata = require("vk_compute.cache.metadata")
local twin = require("vk_compute.cache.twin")

local source = {}

local function of_finished(paths)
  local fields, problem = metadata.read(paths.metadata)
  if not fields and file_kind.is_no_cache(paths.finished, problem) then
    fail("%s is not a cache: it is %s", paths.finished, file_kind.of(paths.finished))
  end
  if not fields then
    fail("%s cannot be trusted: %s. %s", paths.finished,
      problem or ("there is no %s that says what it is"):format(paths.metadata),
      files.stat(paths.journal) and "Run the computation again, it finds out what can be kept"
        or twin.ids_path(paths.finished) and "Remove it, and compute it again with neighbors --similarities"
        or "Compute it anew, under another name")
  end
  local place = layout.of(fields)
  return {
    file = paths.finished, finished = true, what = fields, place = place, done = place.count,
    checksum_of = metadata.row_checksums(fields),
  }
end

local function of_partial(paths)
  local state = journal.read(paths.journal)
  if not (state and files.stat(paths.partial)) then return nil end
  if not state.what then
    fail("%s is damaged: run the computation again, it finds out what can be kept", paths.journal)
  end
  return {
    file = paths.partial, finished = false, what = state.what, place = layout.of(state.what),
    done = state.done, journal = state,
    checksum_of = function(row) return state.checksums[row] end,
  }
end

--- Reads what says which rows there are, and nothing of the rows.
-- @tparam string path the cache
-- @treturn table `file` (where the rows are), `finished`, `what` (an identity; of a finished cache all
-- its metadata), `place` (as from layout.of), `done` (rows), `checksum_of` (row -> XXH3-64, nil where it
-- is not done), `journal` (of a growing one, as from journal.read)
function source.open(path)
  local paths = layout.paths(path)
  if files.stat(paths.finished) then return of_finished(paths) end
  -- Between the two looks, a writer may have given the file its final name.
  local growing = of_partial(paths)
  if growing then return growing end
  if files.stat(paths.finished) then return of_finished(paths) end
  fail("there is no cache %s, neither finished nor begun", path)
end

--- The same, of a cache that is whole. Raises where it is a shard.
function source.open_whole(path)
  local from = source.open(path)
  if from.what.shard then
    fail("%s is a shard, %s, and has rows %.0f to %.0f of %.0f: merge all shards into one cache first "
      .. "(vulkan-compute merge)", path, from.what.shard, from.place.first, from.place.last,
      identity.all_rows(from.what))
  end
  return from
end

return source
