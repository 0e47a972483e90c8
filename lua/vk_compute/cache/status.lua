--- How a cache stands, for those who watch: reads, and disturbs no writer.
-- @module vk_compute.cache.status

local file_kind = require("vk_compute.cache.file_kind")
local files = require("vk_compute.system.files")
local identity = require("vk_compute.cache.identity")
local journal = require("vk_compute.cache.journal")
local layout = require("vk_compute.cache.layout")
local lock = require("vk_compute.system.lock")
local metadata = require("vk_compute.cache.metadata")
local target = require("vk_compute.cache.target")
local rate = require("vk_compute.cache.rate")
local twin = require("vk_compute.cache.twin")

local status = {}

-- A batch takes about half a second; a writer that lists no rows for so long is worth a word.
local QUIET_SECONDS = 30

local function add(result, problem)
  result.problems[#result.problems + 1] = problem
end

local function check_length(result, path, what)
  local info = files.stat(path)
  local expected = layout.of(what).file_bytes
  if not info then
    add(result, ("%s is missing"):format(path))
  elseif info.st_size ~= expected then
    add(result, ("%s is %.0f bytes long and should be %.0f"):format(path, info.st_size, expected))
  elseif not layout.has_header(path, layout.of(what)) then
    add(result, ("the header of %s is damaged"):format(path))
  end
end

local function describe(result, what)
  identity.copy(what, result)
  result.total = layout.of(what).count
end

local function read_growing(result, paths, state)
  result.state = result.writer and "running" or "stopped"
  if state.damaged_lines > 0 then
    add(result, ("%s has %d damaged lines"):format(paths.journal, state.damaged_lines))
  end
  if not state.what then return end
  describe(result, state.what)
  check_length(result, paths.partial, state.what)
  result.done = state.done
  result.device = state.run and state.run.device
  result.rate = rate.estimate(state.samples)
  local last = state.samples[#state.samples]
  result.updated = last and last.time
  if not result.writer then return end
  if result.rate then result.eta = (result.total - result.done) / result.rate end
  local quiet = last and os.time() - last.time or 0
  if quiet > QUIET_SECONDS then
    add(result, ("%s has listed no rows for %.0f s"):format(result.writer_name, quiet))
  end
end

-- Whether neighbours and similarities that lie beside one another belong together.
local function check_twin(result, what)
  local path, similarities = result.path, what
  if what.kind == "neighbors" then
    path = twin.path(result.path)
    similarities = metadata.read(layout.paths(path).metadata)
  end
  if not similarities or similarities.kind ~= "similarities" then return end
  local problem = twin.problem(path, similarities)
  if problem then add(result, problem) end
end

local function read_finished(result, paths)
  local fields, problem = metadata.read(paths.metadata)
  if not fields and file_kind.is_no_cache(paths.finished, problem) then
    result.state = "not a cache"
    add(result, ("it is %s"):format(file_kind.of(paths.finished)))
    return
  end
  result.state = "finished"
  if not fields then
    add(result, problem or ("%s is missing"):format(paths.metadata))
    return
  end
  describe(result, fields)
  check_length(result, paths.finished, fields)
  check_twin(result, fields)
  result.done = result.total
  result.device = fields.device
  result.date = fields.date
end

--- Reads how a cache stands.
-- @tparam string path
-- @treturn table
--
-- - `path`; `state`: "missing", "running", "stopped", "finished" or "not a cache"
-- - `problems`: texts; empty where nothing is known to be wrong. Rows are not read: see verify.run
-- - `writer`: process id, where there is one (0: in another container); `writer_host`, where it is another;
--   `writer_name`: the same in words
-- - the fields of its identity, and `fingerprint`: see identity.lua
-- - `done`, `total` (rows); `device`
-- - `rate` (rows a second), `eta` (seconds), `updated` (seconds since 1970), of one that grows;
--   `date` of one that is finished
--
-- What is not known is nil.
function status.read(path)
  local paths = layout.paths(path)
  local result = { path = path, problems = {}, }
  local holder = lock.holder(target.lock(path))
  if holder then result.writer, result.writer_host, result.writer_name = holder.pid, holder.host, lock.name(holder) end
  local state = journal.read(paths.journal)
  -- After the last step but one of a run, its journal is still there, and the partial file not.
  if state and (files.stat(paths.partial) or not files.stat(paths.finished)) then
    read_growing(result, paths, state)
  elseif files.stat(paths.finished) then
    read_finished(result, paths)
  else
    result.state = result.writer and "running" or "missing"
  end
  return result
end

return status
