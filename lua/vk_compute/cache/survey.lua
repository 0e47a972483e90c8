--- What lies at a cache's path before a run, and whether the run may go on from it.
-- @module vk_compute.cache.survey

local fail = require("vk_compute.fail")
local files = require("vk_compute.files")
local identity = require("vk_compute.cache.identity")
local journal = require("vk_compute.cache.journal")
local layout = require("vk_compute.cache.layout")
local metadata = require("vk_compute.cache.metadata")
local rows = require("vk_compute.cache.rows")

local survey = {}

--- Raises where no cache can be put at a path.
-- @tparam string path
-- @tparam string example a file name
-- @tparam[opt] string input the file of the embeddings
function survey.check_path(path, example, input)
  if files.is_directory(path) then
    fail("%s is a directory: name the cache file, such as %s/%s", path, (path:gsub("/+$", "")),
      example)
  end
  local directory = files.directory(path)
  if not files.is_directory(directory) then
    fail("there is no directory %s for the cache: make it first", directory)
  end
  local source = input and files.stat(input)
  local target = files.stat(path)
  if source and target and source.st_dev == target.st_dev and source.st_ino == target.st_ino then
    fail("%s holds the embeddings: name another file for the cache", path)
  end
end

local function refuse_difference(cached, asked, file)
  local difference = identity.difference(cached, asked)
  if difference then
    fail("%s was made from something else; what differs: %s. Use the same again, name another "
      .. "cache file, or start over with --force", file, difference)
  end
end

--- The metadata of a finished cache, after a look at every checksum. Raises where it is no finished
-- cache of what is asked for.
-- @tparam table paths as from layout.paths
-- @tparam table asked the identity it must have
-- @tparam[opt] function report as for rows.each
function survey.finished(paths, asked, report)
  local fields, problem = metadata.read(paths.metadata)
  if not fields then
    fail("%s exists, but %s: name another cache file, or start over with --force", paths.finished,
      problem or ("there is no %s that says what it is"):format(paths.metadata))
  end
  refuse_difference(fields, asked, paths.finished)
  local place = layout.of(fields)
  local problems = {}
  if files.stat(paths.finished).st_size ~= place.file_bytes then
    problems[1] = "its length is wrong"
  else
    local damaged, whole = rows.damaged(paths.finished, place, fields.n, function(row)
      return metadata.row_checksum(fields, row)
    end, report)
    if damaged[1] then problems[1] = "rows " .. rows.list(damaged)
    elseif whole ~= fields.rows_checksum then problems[1] = "its checksum does not fit"
    elseif not layout.has_header(paths.finished, place) then problems[1] = "its header" end
  end
  if problems[1] then
    fail("%s is damaged (%s): run again with --verify --repair", paths.finished, problems[1])
  end
  return fields
end

--- What a run goes on from. Raises where what lies there is not this run's to change.
-- @tparam table job `force` and `notice`, as for writer.run
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
  local has_partial = files.stat(paths.partial) ~= nil
  local has_finished = files.stat(paths.finished) ~= nil
  if not state then
    if has_finished then return nil, survey.finished(paths, asked, report) end
    if has_partial then
      job.notice(("%s has no journal, so nothing in it can be believed: all rows are computed")
        :format(paths.partial))
    end
    return nil
  end

  if not state.what then
    fail("%s is damaged, and nothing in it shows that it is of these embeddings: name another cache "
      .. "file, or start over with --force", paths.journal)
  end
  local has_nothing = state.done == 0 and state.damaged_lines == 0
  if has_nothing and identity.difference(state.what, asked) then
    files.remove(paths.journal)
    files.remove(paths.partial)
    return survey.look(job, paths, asked, report)
  end
  refuse_difference(state.what, asked, paths.partial)
  if has_partial then return state end
  if has_finished then
    -- Stopped between the last two steps: only the journal was still to be removed.
    local fields = survey.finished(paths, asked, report)
    files.remove(paths.journal)
    return nil, fields
  end
  job.notice(("%s is missing: all rows are computed"):format(paths.partial))
  files.remove(paths.journal)
  return nil
end

return survey
