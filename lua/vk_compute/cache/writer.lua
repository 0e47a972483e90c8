--- Computes a cache: begins, goes on where it stopped, finishes.
--
-- What holds at every moment, whatever ends the process:
--
-- - a row that the journal lists is on disk in NAME.partial, for it is listed after that, and the names of both
--   are, for that is seen to before the first row;
-- - NAME appears by renaming a NAME.partial whose every row was read back and fits its checksum;
-- - NAME.json, when it lies beside a NAME, is that file's: it is put there before NAME, and an older
--   NAME is removed before that.
-- @module vk_compute.cache.writer

local unistd = require("posix.unistd")
local clock = require("vk_compute.system.clock")
local compute_process = require("vk_compute.cache.compute_process")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local identity = require("vk_compute.cache.identity")
local journal = require("vk_compute.cache.journal")
local kinds = require("vk_compute.cache.kinds")
local layout = require("vk_compute.cache.layout")
local metadata = require("vk_compute.cache.metadata")
local partial = require("vk_compute.cache.partial")
local rate = require("vk_compute.cache.rate")
local survey = require("vk_compute.cache.survey")
local target = require("vk_compute.cache.target")
local xxhash = require("vk_compute.system.xxhash")

local writer = {}

local WAIT_MS = 200
-- How often rows that read back wrong at the end are computed again before the disk gets the blame.
local MAX_REPAIRS = 2

-- Where all rows were done, no device is opened, and the journal may have lost the name of the last.
local UNKNOWN_DEVICE = "unknown"

local Run = {}
Run.__index = Run

function Run:report(phase, done)
  self.job.report({
    kind = self.what.kind,
    phase = phase,
    done = done or self.done,
    total = self.what.n,
    device = self.device,
    seconds = clock.monotonic() - self.began,
    rate = rate.estimate(self.samples),
  })
end

function Run:checking()
  return function(done) self:report("checking", done) end
end

function Run:start_process()
  self.process = compute_process.start({
    vk = self.job.vk,
    path = self.job.path,
    what = self.what,
    embeddings = self.job.embeddings,
    device = self.job.device,
    batch = self.job.batch,
  })
end

-- Opens NAME.partial and NAME.journal. state is the journal's, or nil to begin.
function Run:open(state)
  self.done = state and state.done or 0
  self.fd = partial.open(self.paths.partial, self.place, self.job.notice, files.mode(self.paths.finished))
  self.checksums = state and state.checksums or {}
  local dropped = 0
  if state then
    dropped = partial.drop_damaged(self.paths.partial, self.place, self.what.n, self.checksums,
      self.job.notice, self:checking())
    self.done = self.done - dropped
    self.kept = self.done
    self.device = state.run and state.run.device
    if state.torn or state.damaged_lines > 0 then
      self.job.notice(("%s: %s; rows that it does not prove are computed again"):format(
        self.paths.journal, state.damaged_lines > 0
          and ("damaged lines: %d"):format(state.damaged_lines) or "the last line is incomplete"))
    end
  end
  if state and not state.torn and state.damaged_lines == 0 and dropped == 0 then
    -- A run that was killed may have made the names that are there and not have synced them.
    files.sync_names(self.paths.journal)
    self.journal = journal.append_to(self.paths.journal, self.what, state.bytes)
  else
    self.journal = journal.create(self.paths.journal, self.what, self.checksums)
  end
end

-- Rows still to be computed, in order.
function Run:pending()
  local pending = {}
  for row = 0, self.what.n - 1 do
    if not self.checksums[row] then pending[#pending + 1] = row end
  end
  return pending
end

-- Writes the rows list[first .. first + count - 1], which lie one after another at base.
function Run:write_rows(base, list, first, count)
  local place = self.place
  local k = 0
  while k < count do
    local row, run = list[first + k], 1
    while k + run < count and list[first + k + run] == row + run do run = run + 1 end
    files.write(self.fd, self.paths.partial, base + k * self.what.length, run * place.row_bytes,
      #place.header + row * place.row_bytes)
    k = k + run
  end
end

-- Brings computed rows to disk, and then lists them in the journal.
function Run:commit(base, list, first, count)
  local batch, checksums = {}, {}
  for k = 0, count - 1 do
    local row, pointer = list[first + k], base + k * self.what.length
    local wrong = self.row_check(pointer, row)
    if wrong then
      fail("%s computed row %.0f wrongly (%s): its driver is at fault; this batch is not kept",
        self.device, row, wrong)
    end
    batch[k + 1] = row
    checksums[row] = xxhash.hex64(pointer, self.place.row_bytes)
  end
  self:write_rows(base, list, first, count)
  files.sync(self.fd, self.paths.partial)
  self.journal:add_rows(batch, function(row) return checksums[row] end,
    clock.realtime())
  for row, checksum in pairs(checksums) do self.checksums[row] = checksum end
  self.done = self.done + count
  self.computed = self.computed + count
  self.samples[#self.samples + 1] = { time = clock.monotonic(), done = self.done }
end

-- Waits until the embeddings are on the device. False where the user wants to stop.
function Run:await_device()
  while not self.ready do
    if self.job.stop() > 0 then return false end
    self:report("starting")
    local message = self.process:wait(WAIT_MS)
    if message and message.device then
      self.device = message.device
      if self.job.opened then self.job.opened(message.device, message.device_type) end
      self.job.plan(message.plan)
    end
    if message and message.ready then
      self.ready = true
      self.journal:begin_run({
        pid = unistd.getpid(), device = self.device, library_version = self.job.vk.version(),
      }, clock.realtime())
    end
  end
  return true
end

-- Computes what is pending. False where the user wanted to stop and it did.
function Run:compute(pending)
  local process = self.process
  local slot, first = 0, 1
  self.samples = { { time = clock.monotonic(), done = self.done } }
  process:request(slot, pending, first)
  while true do
    self:report(#self.samples == 1 and "preparing" or "computing")
    local message = process:wait(WAIT_MS)
    local stop = self.job.stop()
    if message then
      local base, from = process.rows[slot], first
      first = first + message.count
      local more = first <= #pending
      if more and stop == 0 then
        slot = 1 - slot
        process:request(slot, pending, first)
      end
      self:commit(base, pending, from, message.count)
      if not more then return true end
      if stop > 0 then return false end
    elseif stop > 1 or (stop > 0 and #self.samples == 1) then
      -- Asked twice, it stops at once; so it does before the first rows, when there are none to lose.
      return false
    end
  end
end

-- Reads every row back. Returns the checksum of all, or nil where rows have to be computed again.
function Run:read_back()
  local dropped, whole = partial.drop_damaged(self.paths.partial, self.place, self.what.n,
    self.checksums, self.job.notice, self:checking())
  if dropped == 0 then return whole end
  self.done = self.done - dropped
  self.journal:close()
  self.journal = journal.create(self.paths.journal, self.what, self.checksums)
end

-- Gives the complete NAME.partial its final name.
function Run:publish(rows_checksum)
  self:report("finishing")
  local paths = self.paths
  files.sync(self.fd, paths.partial)
  local list = {}
  for row = 0, self.what.n - 1 do list[row + 1] = self.checksums[row] end
  if files.stat(paths.finished) then
    files.remove(paths.finished)
    files.sync_names(paths.finished)
  end
  metadata.write(paths.metadata, setmetatable({
    device = self.device or UNKNOWN_DEVICE,
    library_version = self.job.vk.version(),
    date = os.date("!%Y-%m-%dT%H:%M:%SZ"),
    rows_checksum = rows_checksum,
    row_checksums = table.concat(list),
  }, { __index = self.what }))
  files.rename(paths.partial, paths.finished)
  files.sync_names(paths.finished)
  files.remove(paths.journal)
end

-- True when finished, false when stopped.
function Run:go()
  for _ = 0, MAX_REPAIRS do
    local pending = self:pending()
    if pending[1] then
      if not self.process then self:start_process() end
      if not (self:await_device() and self:compute(pending)) then return false end
    end
    local rows_checksum = self:read_back()
    if rows_checksum then
      if self.process then self.process:finish() end
      self:publish(rows_checksum)
      return true
    end
  end
  fail("%s does not hold what is written to it: the disk is at fault", self.paths.partial)
end

function Run:close()
  if self.process then self.process:stop() end
  if self.journal then self.journal:close() end
  if self.fd then
    files.close(self.fd)
    if self.done == 0 then
      -- Nothing to go on from: only reserved space.
      pcall(files.remove, self.paths.journal)
      pcall(files.remove, self.paths.partial)
    end
  end
end

local function new_run(job, paths, what)
  return setmetatable({
    job = job, paths = paths, what = what, place = layout.of(what),
    row_check = kinds[what.kind].new_check(what.n, what.length), began = clock.monotonic(),
    samples = {}, checksums = {}, done = 0, kept = 0, computed = 0,
  }, Run)
end

local function result_of(run, outcome)
  return {
    outcome = outcome,
    total = run.what.n,
    done = run.done,
    kept = run.kept,
    computed = run.computed,
    seconds = clock.monotonic() - run.began,
    device = run.device or UNKNOWN_DEVICE,
    fingerprint = run.what.fingerprint,
  }
end

local function ids_of_row(kind, wanted, n)
  local most = kind.most_ids(n)
  if most == 0 then fail("one embedding has no neighbours: give two or more") end
  local length = wanted or kind.default_ids(n)
  if length > most then fail(kind.surplus, kind.option, length, most) end
  return length
end

local function run_locked(job, paths, what)
  files.remove_temporaries(paths.metadata)
  files.remove_temporaries(paths.journal)
  local run = new_run(job, paths, what)
  local ok, result = pcall(function()
    local state, finished = survey.look(job, paths, what, run:checking())
    if finished then
      run.done, run.kept, run.device = what.n, what.n, finished.device
      return result_of(run, "already finished")
    end
    -- The device takes a while to open; the files are seen to meanwhile.
    if not state or state.done < what.n then run:start_process() end
    run:open(state)
    return result_of(run, run:go() and "finished" or "stopped")
  end)
  run:close()
  if not ok then error(result, 0) end
  return result
end

--- Computes a cache, from the beginning or from where an earlier run stopped. Must not be called in a
-- process that has made a context (see compute_process.lua).
-- @tparam table job
--
-- - `path`: the cache; `embeddings`: as from embedding_file.read
-- - `vk`: the module vk_compute, whose contexts compute
-- - `kind`: a key of kinds.lua ("diversity")
-- - `length`: ids of a row (default: of a sequence n; of neighbours 100, or n - 1 where that is less); the other
--   fields of an identity (identity.lua), such as `centered`
-- - `device`, `force` (start over), `batch` (rows at most between two records; default: what takes about half a
--   second)
-- - `report`: function (state), called some times a second while the device computes: `kind`, `phase`
--   ("starting", "preparing", "computing", "checking", "finishing"), `done`, `total`, `seconds`,
--   `device`, `rate` (rows a second; the last two may be nil)
-- - `opened`: nil, or function (name, type), told what device computes, where one has to
-- - `plan`: function (plan), told before anything is computed what memory that takes: as from
--   Context:plan_memory. What does not fit is refused
-- - `notice`: function (text), told what was found wrong and corrected
-- - `stop`: function () -> how often the user has asked to stop
-- @treturn table `outcome` ("finished", "stopped" or "already finished"), `total`, `done`, `kept` (rows
-- of earlier runs), `computed`, `seconds`, `device`, `fingerprint`
function writer.run(job)
  local kind = kinds[job.kind or "diversity"]
  survey.check_path(job.path, kind, job.embeddings.path, job.force)
  local length = ids_of_row(kind, job.length, job.embeddings.n)
  return target.locked(job.path, function()
    local what = identity.of(job.embeddings, setmetatable({
      length = length, centered = job.centered or false, definition_version = job.vk.definition_version(),
    }, { __index = job }))
    return run_locked(job, layout.paths(job.path), what)
  end)
end

return writer
