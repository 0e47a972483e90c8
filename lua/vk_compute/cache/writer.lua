--- Computes a cache: begins, goes on where it stopped, finishes.
--
-- What holds at every moment, whatever ends the process:
--
-- - a row that the journal lists is on disk in NAME.partial, since it is listed only then; so are the names of both
--   files, since they are synced before the first row;
-- - NAME appears by renaming a NAME.partial whose every row was read back and fits its checksum;
-- - NAME.json, when it lies beside a NAME, is that file's: it is put there before NAME, and an older
--   NAME is removed before that.
-- @module vk_compute.cache.writer

local unistd = require("posix.unistd")
local clock = require("vk_compute.system.clock")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local identity = require("vk_compute.cache.identity")
local journal = require("vk_compute.cache.journal")
local kinds = require("vk_compute.cache.kinds")
local layout = require("vk_compute.cache.layout")
local partial = require("vk_compute.cache.partial")
local publish = require("vk_compute.cache.publish")
local rate = require("vk_compute.cache.rate")
local rows = require("vk_compute.cache.rows")
local shard = require("vk_compute.cache.shard")
local survey = require("vk_compute.cache.survey")
local target = require("vk_compute.cache.target")
local workers = require("vk_compute.cache.workers")
local xxhash = require("vk_compute.system.xxhash")

local writer = {}

local WAIT_MS = 100
-- How long it waits for rows that are being computed when it is asked to stop: seconds.
local PATIENCE = 0.5
-- How often rows that read back wrong at the end are computed again before the disk gets the blame.
local MAX_REPAIRS = 2

-- Where all rows were done, no device is opened, and the journal may have lost the name of the last.
local UNKNOWN_DEVICE = "unknown"

local Run = {}
Run.__index = Run

function Run:report(phase, done)
  local last = self.samples[#self.samples]
  self.job.report({
    kind = self.what.kind,
    phase = phase,
    done = done or self.done,
    total = self.place.count,
    device = self.device,
    call = self.workers and self.workers:call(),
    seconds = clock.monotonic() - self.began,
    rate = rate.estimate(self.samples),
    age = last and clock.monotonic() - last.time,
  })
end

-- Raised to end a run that the user wants to stop.
local STOPPED = {}

function Run:checking()
  return function(done)
    self:report("checking", done)
    if self.job.stop() == 0 then return end
    if not self.fd then fail("stopped: nothing was changed") end
    error(STOPPED, 0)
  end
end

function Run:start_workers()
  local job = self.job
  local told = {}
  self.workers = workers.start({
    vk = job.vk, path = job.path, what = self.what, embeddings = job.embeddings, batch = job.batch,
    devices = job.devices or { job.device or false }, notice = job.notice,
    opened = function(name, device_type, plan)
      -- Of equal devices once.
      if told[name] then return end
      told[name] = true
      if job.opened then job.opened(name, device_type) end
      job.plan(plan)
    end,
    joined = function(names)
      self.device = names
      if #self.samples < 2 then self.samples = { { time = clock.monotonic(), done = self.done } } end
      self.journal:begin_run({
        pid = unistd.getpid(), device = names, library_version = job.vk.version(),
      }, clock.realtime())
    end,
  })
end

-- Compares the rows of NAME.partial with their checksums.
function Run:comparison()
  return rows.comparison(self.paths.partial, self.place, function(row) return self.checksums[row] end)
end

-- Opens NAME.partial and NAME.journal. state is the journal's, or nil to begin.
function Run:open(state)
  self.done = state and state.done or 0
  self.fd = partial.open(self.paths.partial, self.place, self.job.notice, files.mode(self.paths.finished))
  self.checksums = state and state.checksums or {}
  local dropped = 0
  if state then
    dropped = partial.drop_damaged(self:comparison(), self.checksums, self.job.notice, self:checking())
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
  for row = self.place.first, self.place.last do
    if not self.checksums[row] then pending[#pending + 1] = row end
  end
  return pending
end

-- Writes the rows of a batch, in as few pieces as they lie in.
function Run:write_rows(batch)
  local place, listed, at = self.place, batch.rows, batch.places
  local k = 1
  while listed[k] do
    local run = 1
    while listed[k + run] == listed[k] + run and at[k + run] == at[k] + run do run = run + 1 end
    files.write(self.fd, self.paths.partial, batch.base + at[k] * self.what.length, run * place.row_bytes,
      place.offset(listed[k]))
    k = k + run
  end
end

-- Brings computed rows to disk, and then lists them in the journal.
function Run:commit(batches)
  local list, checksums = {}, {}
  for _, batch in ipairs(batches) do
    for k, row in ipairs(batch.rows) do
      local pointer = batch.base + batch.places[k] * self.what.length
      local wrong = self.row_check(pointer, row)
      if wrong then
        fail("%s computed row %.0f wrongly (%s): its driver is at fault; this batch is not kept",
          batch.worker.share.name, row, wrong)
      end
      list[#list + 1] = row
      checksums[row] = xxhash.hex64(pointer, self.place.row_bytes)
    end
    self:write_rows(batch)
  end
  if not list[1] then return end
  files.sync(self.fd, self.paths.partial)
  self.journal:add_rows(list, function(row) return checksums[row] end, clock.realtime())
  for row, checksum in pairs(checksums) do self.checksums[row] = checksum end
  self.done = self.done + #list
  self.computed = self.computed + #list
  self.samples[#self.samples + 1] = { time = clock.monotonic(), done = self.done }
end

-- Reads a block of rows back while others are computed, from the first row on, as far as there are all of them: at
-- the end little is left. Whether there was a block.
function Run:read_back_some()
  while self.checksums[self.done_up_to + 1] do self.done_up_to = self.done_up_to + 1 end
  if not self.reading:has_block(self.done_up_to) then return false end
  self.reading:go_on(self.done_up_to)
  return true
end

function Run:phase()
  if not self.workers:has_ready() then return "starting" end
  return #self.samples < 2 and "preparing" or "computing"
end

-- Computes what is pending. False where the user wanted to stop and it did.
function Run:compute(pending)
  local stopped_at
  self.samples = { { time = clock.monotonic(), done = self.done } }
  self.workers:begin(pending)
  while self.workers.left > 0 do
    self:report(self:phase())
    local batches = self.workers:wait(self:read_back_some() and 0 or WAIT_MS, self.job.stop() == 0)
    self:commit(batches)
    workers.written(batches)
    -- Asked twice, it stops at once; so it does before the first rows, when there are none to lose, and where the rows
    -- in hand are long in coming.
    local stop = self.workers.left > 0 and self.job.stop() or 0
    if stop > 0 then stopped_at = stopped_at or clock.monotonic() end
    local is_late = stopped_at and clock.monotonic() - stopped_at > PATIENCE
    if stop > 1 or (stop > 0 and (is_late or not self.workers:has_rows_coming())) then return false end
  end
  self.workers:drop_late()
  return true
end

-- Reads back what is left. Returns the checksum of all rows, or nil where some have to be computed again.
function Run:read_back()
  local dropped, whole = partial.drop_damaged(self.reading, self.checksums, self.job.notice, self:checking())
  if dropped == 0 then return whole end
  self.done = self.done - dropped
  self.journal:close()
  self.journal = journal.create(self.paths.journal, self.what, self.checksums)
end

-- What the metadata call the device: of several, how much each did.
function Run:devices_text()
  local shares = {}
  for _, share in ipairs(self.workers and self.workers.shares or {}) do
    if share.rows > 0 then shares[#shares + 1] = ("%s (%.0f rows)"):format(share.name, share.rows) end
  end
  return shares[2] and table.concat(shares, ", ") or self.device or UNKNOWN_DEVICE
end

-- Gives the complete NAME.partial its final name.
function Run:publish(rows_checksum)
  self:report("finishing")
  local list = {}
  for row = self.place.first, self.place.last do list[#list + 1] = self.checksums[row] end
  self.device = self:devices_text()
  publish(self.paths, self.fd, setmetatable({
    device = self.device,
    library_version = self.job.vk.version(),
    rows_checksum = rows_checksum,
    row_checksums = table.concat(list),
  }, { __index = self.what }))
  files.remove(self.paths.journal)
end

-- True when finished, false when stopped.
function Run:go()
  for _ = 0, MAX_REPAIRS do
    self.reading, self.done_up_to = self:comparison(), self.place.first - 1
    local pending = self:pending()
    if pending[1] then
      if not (self.workers and self.workers:is_there()) then
        if self.workers then self.workers:stop() end
        self:start_workers()
      end
      if not self:compute(pending) then return false end
    end
    local rows_checksum = self:read_back()
    if rows_checksum then
      if self.workers then self.workers:finish() end
      self:publish(rows_checksum)
      return true
    end
  end
  fail("%s does not hold what is written to it: the disk is at fault", self.paths.partial)
end

function Run:close()
  if self.workers then self.workers:stop() end
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
    total = run.place.count,
    done = run.done,
    kept = run.kept,
    computed = run.computed,
    seconds = clock.monotonic() - run.began,
    device = run.device or UNKNOWN_DEVICE,
    devices = run.workers and run.workers.shares,
    shard = run.what.shard,
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

-- Raises where a shard would have no rows.
local function check_shard(wanted, n)
  local _, count = shard.parse(wanted or "0/1")
  if not count then fail("%s is no shard: give I/N, I from 0 to N - 1, such as 0/4", wanted) end
  if count > n then fail("--shard %s: of %.0f rows there can be at most as many shards", wanted, n) end
end

local function run_locked(job, paths, what)
  files.remove_temporaries(paths.metadata)
  files.remove_temporaries(paths.journal)
  local run = new_run(job, paths, what)
  local ok, result = pcall(function()
    local state, finished = survey.look(job, paths, what, run:checking())
    if finished then
      run.done, run.kept, run.device = run.place.count, run.place.count, finished.device
      return result_of(run, "already finished")
    end
    -- The device takes a while to open; the files are seen to meanwhile.
    if not state or state.done < run.place.count then run:start_workers() end
    run:open(state)
    return result_of(run, run:go() and "finished" or "stopped")
  end)
  if not ok and result == STOPPED then ok, result = true, result_of(run, "stopped") end
  run:close()
  if not ok then error(result, 0) end
  return result
end

--- Computes a cache, from the beginning or from where an earlier run stopped. Must not be called in a
-- process that has made a context (see compute_process.lua).
-- @tparam table job
--
-- - `path`: the cache; `embeddings`: as from embedding_file.read, with `queries`, likewise, where rows are of queries
-- - `vk`: the module vk_compute, whose contexts compute
-- - `kind`: a key of kinds.lua ("diversity")
-- - `length`: ids of a row (default: of a sequence n; of neighbours 100, or n - 1 where that is less); the other
--   fields of an identity (identity.lua), such as `centered`
-- - `shard`: "I/N" for only some of the rows: see shard.lua
-- - `device`; or `devices`: a list of several, or "all", see device_list.lua
-- - `force` (start over), `batch` (rows at most between two records; default: what takes about half a
--   second)
-- - `report`: function (state), called some times a second while the device computes: `kind`, `phase`
--   ("starting", "preparing", "computing", "checking", "finishing"), `done`, `total`, `seconds`,
--   `device`, `rate` (rows a second), `age` (seconds since the last rows came), `call` (what the device is at: `phase`,
--   `done` and `total`, as Context:set_progress tells them); the last four may be nil
-- - `opened`: nil, or function (name, type), told what device computes, where one has to
-- - `plan`: function (plan), told before anything is computed what memory that takes: as from
--   Context:plan_memory. What does not fit is refused
-- - `notice`: function (text), told what was found wrong and corrected
-- - `stop`: function () -> how often the user has asked to stop
-- @treturn table `outcome` ("finished", "stopped" or "already finished"), `total`, `done`, `kept` (rows
-- of earlier runs), `computed`, `seconds`, `device`, `devices` (`name`, `index` and `rows` of each that computed),
-- `shard`, `fingerprint`
function writer.run(job)
  local kind = kinds[job.kind or "diversity"]
  survey.check_path(job.path, kind, { job.embeddings.path }, job.force)
  local length = ids_of_row(kind, job.length, job.embeddings.n)
  check_shard(job.shard, (job.embeddings.queries or job.embeddings).n)
  return target.locked(job.path, function()
    local what = identity.of(job.embeddings, setmetatable({
      length = length, centered = job.centered or false, definition_version = job.vk.definition_version(),
    }, { __index = job }))
    return run_locked(job, layout.paths(job.path), what)
  end)
end

return writer
