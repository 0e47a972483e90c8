--- What lies at a cache's path before a run, and whether the run may go on from it.
-- @module vk_compute.cache.survey

local fail = require("vk_compute.system.fail")
local file_kind = require("vk_compute.cache.file_kind")
local files = require("vk_compute.system.files")
local identity = require("vk_compute.cache.identity")
local journal = require("vk_compute.cache.journal")
local kinds = require("vk_compute.cache.kinds")
local layout = require("vk_compute.cache.layout")
local metadata = require("vk_compute.cache.metadata")
local repair_hint = require("vk_compute.cache.repair_hint")
local rows = require("vk_compute.cache.rows")
local target = require("vk_compute.cache.target")
local twin = require("vk_compute.cache.twin")

local survey = {}

-- Bytes that show what NAME.partial is, where no journal does: its header, or the zeros it was reserved as.
local function begins_partial(path)
  local head = files.head(path, 64)
  return head:find("^\147NUMPY\1%z.%z{'descr': '<u4', 'fortran_order': False") ~= nil or not head:find("%Z")
end

-- Whether NAME is a finished cache, or why that cannot be told. Beside a journal its metadata may be gone
-- already, or be the next one's.
local function is_finished(path, paths)
  local fields, problem = metadata.read(paths.metadata)
  if fields or (files.stat(paths.journal) and file_kind.holds_ids(path)) then return true end
  if not problem and file_kind.holds_ids(path) then
    problem = ("there is no %s that says what it is"):format(paths.metadata)
  end
  return false, problem
end

--- Raises where no cache can be put at a path. To be called before any work.
-- @tparam string path
-- @tparam table kind as in kinds.lua
-- @tparam {string,...} inputs what it is made from: the file of the embeddings, or shards
-- @tparam[opt] boolean force whether other files may be replaced
-- @tparam[opt] string input_is what to say of an input that lies there
function survey.check_path(path, kind, inputs, force, input_is)
  local paths = layout.paths(path)
  local function file(name, is_own)
    return { path = name, is_earlier = function() return is_own(name, paths) end }
  end
  -- What the journal tells of these two, survey.look says, with more words.
  local function any() return true end
  local has_journal = files.stat(paths.journal) ~= nil
  target.check(path, {
    what = "a cache", example = kind.example, inputs = inputs,
    input_is = input_is or "holds the embeddings",
    force = force,
    -- --force would begin the neighbours anew, too; or give up the rows that a run has left to go on from.
    way_out = kind.is_twin and "remove it" or has_journal and "move it away" or nil,
    files = {
      file(paths.finished, is_finished), file(paths.metadata, metadata.begins),
      file(paths.partial, has_journal and any or begins_partial), file(paths.journal, any),
    },
  })
end

local function refuse_difference(cached, asked, file)
  local difference = identity.difference(cached, asked)
  if difference then
    fail("%s was made from something else; what differs: %s. Use the same again, or name another cache file; "
      .. "--force gives up the rows there are", file, difference)
  end
end

--- The metadata of a finished cache, after a look at every checksum. Raises where it is no finished
-- cache of what is asked for.
-- @tparam table paths as from layout.paths
-- @tparam table asked the identity it must have
-- @tparam[opt] table embeddings those that it was made from
-- @tparam[opt] function report as for rows.each
function survey.finished(paths, asked, embeddings, report)
  local fields, problem = metadata.read(paths.metadata)
  if not fields then
    fail("%s exists, but %s: name another cache file, or move it away", paths.finished,
      problem or ("there is no %s that says what it is"):format(paths.metadata))
  end
  refuse_difference(fields, asked, paths.finished)
  local place = layout.of(fields)
  local problems = {}
  if files.stat(paths.finished).st_size ~= place.file_bytes then
    problems[1] = "its length is wrong"
  else
    local damaged, whole = rows.damaged(paths.finished, place, metadata.row_checksums(fields), report)
    if damaged[1] then problems[1] = "rows " .. rows.list(damaged)
    elseif whole ~= fields.rows_checksum then problems[1] = "its checksum does not fit"
    elseif not layout.has_header(paths.finished, place) then problems[1] = "its header" end
  end
  if problems[1] then
    fail("%s is damaged (%s): %s", paths.finished, problems[1],
      repair_hint(paths.finished, asked, embeddings))
  end
  return fields
end

-- Whether a file holds the similarities of other neighbours than those that are there now. Nobody can use it.
local function is_of_former_neighbors(what, asked)
  return kinds[asked.kind].is_twin and what ~= nil and what.kind == asked.kind and not twin.is_of(what, asked)
end

--- What a run goes on from. Raises where what lies there is not this run's to change.
-- @tparam table job `force`, `notice` and, where known, `embeddings`, as for writer.run
-- @tparam table paths as from layout.paths
-- @tparam table asked the identity of what the run is to make
-- @tparam[opt] function report as for rows.each
-- @treturn table a journal's state, as from journal.read; nil to begin
-- @treturn table the metadata, where the cache is finished
function survey.look(job, paths, asked, report)
  if job.force then
    files.remove(paths.journal)
    files.remove(paths.partial)
    return nil
  end
  local state = journal.read(paths.journal, asked)
  if state and not state.what and state.lines == 0 then
    job.notice(("%s lists no rows"):format(paths.journal))
    files.remove(paths.journal)
    state = nil
  end
  local former = state and state.what or not state and metadata.read(paths.metadata) or nil
  if is_of_former_neighbors(former, asked) then
    job.notice(("%s is of other neighbours than those there are now: it is computed anew"):format(paths.finished))
    files.remove(paths.journal)
    files.remove(paths.partial)
    return nil
  end
  local has_partial = files.stat(paths.partial) ~= nil
  local finished = files.stat(paths.finished)
  -- An empty file is there for a name to be taken, unless it was a cache once.
  local has_finished = finished ~= nil and (finished.st_size > 0 or files.stat(paths.metadata) ~= nil)
  if not state then
    if has_finished then
      local fields = survey.finished(paths, asked, job.embeddings, report)
      files.remove(paths.partial)
      -- A merge that was killed may have given it its name and not have synced that.
      files.sync_names(paths.finished)
      return nil, fields
    end
    if has_partial then
      job.notice(("%s has no journal, so nothing in it can be believed: all rows are computed")
        :format(paths.partial))
    end
    return nil
  end

  if not state.what then
    fail("%s is damaged, and nothing in it shows that it is of these embeddings: give those that it is of, and the "
      .. "same options, or name another cache file", paths.journal)
  end
  local has_nothing = state.done == 0 and state.damaged_lines == 0
  if has_nothing and (has_finished or identity.difference(state.what, asked)) then
    files.remove(paths.journal)
    files.remove(paths.partial)
    return survey.look(job, paths, asked, report)
  end
  refuse_difference(state.what, asked, paths.partial)
  if has_partial then return state end
  if has_finished and metadata.read(paths.metadata) then
    -- Stopped in the last steps: only the journal is still to be removed, once the file's name is on disk.
    local fields = survey.finished(paths, asked, job.embeddings, report)
    files.sync_names(paths.finished)
    files.remove(paths.journal)
    return nil, fields
  elseif has_finished then
    -- It got its name, but its metadata did not stay. The journal knows its rows.
    files.rename(paths.finished, paths.partial)
    return state
  end
  job.notice(("%s is missing: all rows are computed"):format(paths.partial))
  files.remove(paths.journal)
  return nil
end

return survey
