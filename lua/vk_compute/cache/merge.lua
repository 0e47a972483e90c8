--- Joins shards into the cache that they are of: the same file as that of one run.
--
-- That it was written shows that nothing is lost: every row was compared with its checksum and looked at on the way,
-- and what is missing, there twice, unfinished, damaged or of something else is refused, all of it named at once.
-- A merge that was killed leaves NAME.partial without a journal, which nobody believes: the next one begins anew.
-- @module vk_compute.cache.merge

local clock = require("vk_compute.system.clock")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local identity = require("vk_compute.cache.identity")
local kinds = require("vk_compute.cache.kinds")
local layout = require("vk_compute.cache.layout")
local partial = require("vk_compute.cache.partial")
local publish = require("vk_compute.cache.publish")
local repair_hint = require("vk_compute.cache.repair_hint")
local rows = require("vk_compute.cache.rows")
local shard = require("vk_compute.cache.shard")
local source = require("vk_compute.cache.source")
local survey = require("vk_compute.cache.survey")
local target = require("vk_compute.cache.target")
local twin = require("vk_compute.cache.twin")
local xxhash = require("vk_compute.system.xxhash")

local merge = {}

-- Devices and versions that are named in the metadata; of more only how many.
local MOST_NAMED = 8

-- ---- What shards there are -------------------------------------------------------------------------

local function numbers_of(what)
  local index, count = shard.parse(what.shard or "0/1")
  return index, count
end

local function range_text(first, count)
  return count == 1 and ("row %.0f"):format(first) or ("rows %.0f to %.0f"):format(first, first + count - 1)
end

local function in_words(piece)
  return ("%s (%s)"):format(piece.path, range_text(identity.rows(piece.what)))
end

local WRITTEN_ANEW = "%s is being written anew: merge again when that is done"

-- What is wrong with the file of a piece, in words; nil where its rows can be looked at. Raises where it cannot be
-- read.
local function problem_of(piece, from)
  if not from.finished then
    return ("%s is not finished: %.0f of %.0f rows are done. Run its command again"):format(in_words(piece), from.done,
      from.place.count)
  end
  local info = files.stat(from.file)
  if not info then return WRITTEN_ANEW:format(in_words(piece)) end
  if info.st_size ~= from.place.file_bytes then
    return ("%s is %.0f bytes long and should be %.0f: %s"):format(in_words(piece), info.st_size,
      from.place.file_bytes, repair_hint(piece.path, piece.what))
  elseif not layout.has_header(from.file, from.place) then
    return ("the header of %s is damaged: %s"):format(in_words(piece), repair_hint(piece.path, piece.what))
  end
end

-- What can be told without reading rows. Checksums are not kept: all together they may be large.
local function open(path, problems)
  local ok, from = pcall(source.open, path)
  if not ok then
    problems[#problems + 1] = from
    return nil
  end
  local piece = {
    path = path, what = identity.copy(from.what, {}),
    device = from.what.device, library_version = from.what.library_version,
  }
  local _, problem = pcall(problem_of, piece, from)
  problems[#problems + 1] = problem
  piece.is_readable = not problem
  return piece
end

-- The value that most pieces have, the first of those that as many have.
local function most_common(pieces, value_of)
  local count, best = {}, nil
  for _, piece in ipairs(pieces) do
    local value = value_of(piece)
    count[value] = (count[value] or 0) + 1
  end
  for _, piece in ipairs(pieces) do
    local value = value_of(piece)
    if not best or count[value] > count[best] then best = value end
  end
  return best
end

local function without_shard(what)
  local copy = identity.copy(what, {})
  copy.shard = nil
  return copy
end

-- Those that belong together, and what is to be said of the others.
local function those_of_one(pieces, problems)
  local fingerprint = most_common(pieces, function(piece) return piece.what.fingerprint end)
  local same, first = {}, nil
  for _, piece in ipairs(pieces) do
    if piece.what.fingerprint == fingerprint then
      same[#same + 1] = piece
      first = first or piece
    end
  end
  for _, piece in ipairs(pieces) do
    if piece.what.fingerprint ~= fingerprint then
      problems[#problems + 1] = ("%s was made from something else than %s; what differs: %s"):format(in_words(piece),
        first.path, identity.difference(without_shard(piece.what), without_shard(first.what),
        "%s (%s, and there %s)") or "the fingerprint")
    end
  end
  for _, piece in ipairs(same) do piece.index, piece.of = numbers_of(piece.what) end
  local count = most_common(same, function(piece) return piece.of end)
  local together = {}
  for _, piece in ipairs(same) do
    if piece.of == count then
      together[#together + 1] = piece
    else
      problems[#problems + 1] = ("%s is %s, and others are shards of %.0f"):format(in_words(piece),
        piece.of == 1 and "a whole cache" or "shard " .. piece.what.shard, count)
    end
  end
  return together, count
end

-- Says which shards are missing and which are there more than once.
local function check_complete(pieces, count, problems)
  local n = identity.all_rows(pieces[1].what)
  local seen = {}
  for _, piece in ipairs(pieces) do
    local other = seen[piece.index]
    if other then
      problems[#problems + 1] = ("shard %.0f/%.0f (%s) is there twice: %s and %s"):format(piece.index, count,
        range_text(identity.rows(piece.what)), other.path, piece.path)
    end
    seen[piece.index] = seen[piece.index] or piece
  end
  local index = 0
  while index < count do
    if not seen[index] then
      local last = index
      while last + 1 < count and not seen[last + 1] do last = last + 1 end
      problems[#problems + 1] = ("%s missing (%s)"):format(
        last == index and ("shard %.0f/%.0f is"):format(index, count)
          or ("shards %.0f/%.0f to %.0f/%.0f are"):format(index, count, last, count),
        range_text(shard.rows(index, last, count, n)))
      index = last
    end
    index = index + 1
  end
end

-- ---- Their rows ------------------------------------------------------------------------------------

local Merge = {}
Merge.__index = Merge

function Merge:report(done)
  self.job.report({
    kind = self.what.kind, phase = "merging", done = done, total = identity.all_rows(self.what),
    seconds = clock.monotonic() - self.began,
  })
  if self.job.stop() > 0 then fail("stopped: %s was not written", self.job.path) end
end

-- Looks at every row of a piece. Returns their checksums, one after another; each block of rows goes to `put`.
function Merge:read(piece, put)
  local from = source.open(piece.path)
  if not (from.finished and identity.key(from.what) == identity.key(piece.what)) then
    fail(WRITTEN_ANEW, piece.path)
  end
  local place = from.place
  local checksums, damaged, block = {}, {}, nil
  local written = place.first
  rows.each(from.file, place, function(row, pointer)
    local checksum = xxhash.hex64(pointer, place.row_bytes)
    local is_damaged = checksum ~= from.checksum_of(row)
    local wrong = not is_damaged and self.row_check(pointer, row)
    if is_damaged then
      damaged[#damaged + 1] = row
    elseif wrong then
      self.problems[#self.problems + 1] = ("row %.0f of %s cannot be, though its checksum fits: %s"):format(row,
        piece.path, wrong)
    end
    checksums[#checksums + 1] = checksum
    block = block or pointer
  end, function(done)
    local count = place.first + done - written
    put(block, count * place.row_bytes)
    block, written = nil, written + count
    self:report(place.first + done)
  end)
  if damaged[1] then
    self.problems[#self.problems + 1] = ("%s: checksums do not fit in rows %s: %s"):format(
      in_words(piece), rows.list(damaged), repair_hint(piece.path, piece.what))
  end
  return table.concat(checksums)
end

-- Looks at the rows of those that can be read, for what else there is to say.
function Merge:only_look(pieces)
  for _, piece in ipairs(pieces) do
    if piece.is_readable then
      self.row_check = kinds[piece.what.kind].new_check(piece.what.n, piece.what.length)
      self.what = piece.what
      self:read(piece, function() end)
    end
  end
end

-- The different values of a member, in order.
local function all_of(pieces, member)
  local seen, list, more = {}, {}, 0
  for _, piece in ipairs(pieces) do
    local value = piece[member]
    if not seen[value] then
      seen[value] = true
      if #list < MOST_NAMED then list[#list + 1] = value else more = more + 1 end
    end
  end
  if more > 0 then list[#list + 1] = ("%d more"):format(more) end
  return table.concat(list, ", ")
end

-- Writes NAME.partial and gives it its name. Nil where rows are not as they should be.
function Merge:write(pieces, paths)
  local place = layout.of(self.what)
  local fd = partial.open(paths.partial, place, function() end, files.mode(paths.finished))
  local ok, result = pcall(function()
    local whole, offset, checksums = xxhash.stream128(), #place.header, {}
    for k, piece in ipairs(pieces) do
      checksums[k] = self:read(piece, function(data, bytes)
        whole:update(data, bytes)
        files.write(fd, paths.partial, data, bytes, offset)
        offset = offset + bytes
      end)
      collectgarbage()
    end
    if self.problems[1] then return nil end
    local fields = setmetatable({
      device = all_of(pieces, "device"), library_version = all_of(pieces, "library_version"),
      rows_checksum = whole:hex(), row_checksums = table.concat(checksums),
    }, { __index = self.what })
    publish(paths, fd, fields)
    return fields
  end)
  files.close(fd)
  if not (ok and result) then pcall(files.remove, paths.partial) end
  if not ok then error(result, 0) end
  return result
end

-- ---- All of it -------------------------------------------------------------------------------------

function Merge:result(outcome, pieces, fields)
  return {
    outcome = outcome, path = self.job.path, problems = self.problems,
    total = self.what and identity.all_rows(self.what),
    shards = #pieces, device = fields and fields.device, fingerprint = self.what and self.what.fingerprint,
    rows_checksum = fields and fields.rows_checksum, seconds = clock.monotonic() - self.began,
  }
end

local function check_target(job, kind)
  if kind.is_twin and not twin.ids_path(job.path) then fail("%s", twin.problem(job.path)) end
  local inputs = {}
  for _, path in ipairs(job.shards) do
    local paths = layout.paths(path)
    for _, name in pairs(paths) do inputs[#inputs + 1] = name end
  end
  survey.check_path(job.path, kind, inputs, job.force, "belongs to one of the shards")
end

function Merge:locked(pieces)
  local job, paths = self.job, layout.paths(self.job.path)
  files.remove_temporaries(paths.metadata)
  local state, finished = survey.look({ force = job.force, notice = function() end }, paths, self.what,
    function(done) self:report(done) end)
  if finished then return self:result("already finished", pieces, finished) end
  if state then
    fail("%s is a computation of the same that is not finished: run its command again, name another file, or give it "
      .. "up with --force", paths.journal)
  end
  local fields = self:write(pieces, paths)
  return self:result(fields and "merged" or "refused", pieces, fields)
end

--- Merges shards.
-- @tparam table job
--
-- - `path`: the cache to make; `shards`: paths, in any order
-- - `force`: replace what is there, as for writer.run
-- - `report`: function (state), called some times a second: `kind`, `phase` ("merging"), `done`, `total`, `seconds`
-- - `stop`: function () -> how often the user has asked to stop
-- @treturn table `outcome` ("merged", "already finished" or "refused"), `path`, `problems` (texts: all that is wrong
-- with the shards), `total` (rows), `shards` (how many), `device`, `fingerprint`, `rows_checksum`, `seconds`
-- @raise what cannot be written; that it was stopped. Then there is no such cache, or what was there is still there
function merge.run(job)
  local self = setmetatable({ job = job, problems = {}, began = clock.monotonic() }, Merge)
  local pieces = {}
  for _, path in ipairs(job.shards) do pieces[#pieces + 1] = open(path, self.problems) end
  check_target(job, kinds[pieces[1] and pieces[1].what.kind or "diversity"])
  if not pieces[1] then return self:result("refused", pieces) end
  local together, count = those_of_one(pieces, self.problems)
  check_complete(together, count, self.problems)
  if self.problems[1] then
    self:only_look(pieces)
    return self:result("refused", pieces)
  end
  table.sort(pieces, function(a, b) return a.index < b.index end)
  self.what = without_shard(pieces[1].what)
  self.row_check = kinds[self.what.kind].new_check(self.what.n, self.what.length)
  return target.locked(job.path, function() return self:locked(pieces) end)
end

return merge
