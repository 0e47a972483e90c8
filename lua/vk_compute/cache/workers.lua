--- The processes that compute the rows of a run, one for each device, and what each has in hand.
--
-- Rows wait in one queue. A lease is a number of them that a process was asked for: about half a second's work, and at
-- the end what is left for each where all are to end together. A process that has answered once is asked for the next
-- lease before it has done the one in hand, and so never waits for the writer. What becomes of leases:
--
-- - A process may do only the first part of one. The rest goes back to the queue.
-- - A process that ends or fails loses its leases to the others.
-- - Where the queue is empty, an idle process does the leases of others again that have taken long by its own speed:
--   the first of a slow device, which may still be building its matrix. Rows that come twice are the same.
-- @module vk_compute.cache.workers

local ffi = require("ffi")
local clock = require("vk_compute.system.clock")
local compute_process = require("vk_compute.cache.compute_process")
local fail = require("vk_compute.system.fail")
local identity = require("vk_compute.cache.identity")
local row_queue = require("vk_compute.cache.row_queue")

local workers = {}

-- Seconds that a lease should take, where a device can do so little at a time. Shorter ones leave GPUs partly idle; of
-- longer ones a process does only the first part.
local FEWEST_SECONDS, MOST_SECONDS = 0.1, 0.5
local SLOTS = 2
-- Of all devices, the others are opened where the first would take longer than this. A driver opens devices, and frees
-- their memory, one after another, and holds up the one that computes meanwhile.
local WORTH_SECONDS = 2

local Workers = {}
Workers.__index = Workers

-- Starts a process for a device: an index, a UUID or part of a name, or nil for the default. others_than: see
-- compute_process.start.
local function start(self, device, others_than)
  local process = compute_process.start(setmetatable({
    device = device, others_than = others_than, is_of_all = self.job.devices == "all",
  }, { __index = self.job }))
  local worker = { process = process, wanted = device, leases = {}, slots = {}, share = { rows = 0 } }
  for slot = 0, SLOTS - 1 do worker.slots[slot + 1] = slot end
  self.list[#self.list + 1], self.started[#self.started + 1] = worker, worker
  self.shares[#self.shares + 1] = worker.share
end

--- Starts them. Must not be called in a process that has made a context.
-- @tparam table job as for compute_process.start, and
--
-- - `devices`: what to open, each an index, a UUID or part of a name, or false for the default; or "all". Of all, the
--   default is opened first; the others where that one would take long, or is lost. The process of the second tells
--   which they are: to list them takes a driver about as long as to open one. The run goes on without those that
--   cannot be opened or are too small
-- - `opened`: function (name, type, plan), told of each device that is opened
-- - `joined`: function (names), told when one more can compute: the names of all that can
-- - `notice`: function (text), told of each process that is lost
-- @treturn Workers `left`: rows still to come; `shares`: `{name=, index=, rows=}` of each device that computed
function workers.start(job)
  local self = setmetatable({ job = job, list = {}, started = {}, shares = {}, left = 0 }, Workers)
  self.others_wait = job.devices == "all"
  for _, device in ipairs(self.others_wait and { false } or job.devices) do start(self, device or nil) end
  return self
end

-- Starts the others of all. Of a first one that could not be opened it is not known which it is: then all are tried.
local function start_others(self)
  self.others_wait = false
  start(self, nil, self.shares[1].index or false)
end

-- Starts them where that pays.
local function start_others_if_worth(self)
  if not (self.others_wait and self.seconds_of_all) then return end
  local _, all = identity.rows(self.job.what)
  if self.seconds_of_all * self.left / all > WORTH_SECONDS then start_others(self) end
end

--- Begins with rows that are to be computed.
-- @tparam {number,...} rows
function Workers:begin(rows)
  self.rows, self.left, self.queue = rows, #rows, row_queue.new(#rows)
  self.is_computed = ffi.new("uint8_t[?]", #rows + 1)
  self.held = ffi.new("uint8_t[?]", #rows + 1)  -- in how many leases
end

-- ---- What is in hand -----------------------------------------------------------------------------

-- Ends the hold of a lease. Its places that nobody else has or has done wait again.
local function release(self, lease)
  local first, last
  for _, place in ipairs(lease.places) do
    self.held[place] = self.held[place] - 1
    if self.held[place] == 0 and self.is_computed[place] == 0 then
      if first and place ~= last + 1 then
        self.queue:put(first, last)
        first = place
      end
      first, last = first or place, place
    end
  end
  if first then self.queue:put(first, last) end
end

-- Places that wait, so many at most: of several ranges where the first are short, since small batches are slow.
local function take(self, most)
  local places = {}
  while #places < most do
    local first, last = self.queue:take(most - #places)
    if not first then break end
    for place = first, last do places[#places + 1] = place end
  end
  return places
end

local function lend(self, worker, places)
  local slot = table.remove(worker.slots)
  local rows = {}
  for k, place in ipairs(places) do
    self.held[place] = self.held[place] + 1
    rows[k] = self.rows[place]
  end
  worker.leases[#worker.leases + 1] = { slot = slot, places = places, since = clock.monotonic() }
  worker.process:request(slot, rows, 1, math.ceil(self.left / #self.list))
end

-- Rows of its leases that a worker has not done yet, by its speed.
local function rows_in_hand(worker, now)
  local first, rows = worker.leases[1], 0
  if not first then return 0 end
  for _, lease in ipairs(worker.leases) do rows = rows + #lease.places end
  local since = math.max(first.since, worker.answered or 0)
  return math.max(0, rows - math.min(#first.places, (now - since) * worker.rate))
end

-- How many rows a worker has still to be asked for, so that all end at the same time, by what is known of their speed.
local function allotment(self, worker)
  local now, together, left = clock.monotonic(), 0, self.queue.left
  for _, other in ipairs(self.list) do
    if other.rate then together, left = together + other.rate, left + rows_in_hand(other, now) end
  end
  return left * worker.rate / together - rows_in_hand(worker, now)
end

-- How many rows a worker should be asked for; 0 for none yet.
local function lease_rows(self, worker)
  local capacity, waiting = worker.process.capacity, self.queue.left
  if #self.list == 1 then return capacity end
  if not worker.rate then return math.min(capacity, math.ceil(waiting / (2 * #self.list))) end
  local most = math.min(capacity, math.max(worker.most, math.ceil(MOST_SECONDS * worker.rate)))
  local fewest = math.min(most, math.ceil(FEWEST_SECONDS * worker.rate))
  local share = math.ceil(allotment(self, worker))
  if share < fewest then return worker.leases[1] and 0 or fewest end
  -- Of more than it can do only a part comes, by which it shows how much that is; at the end leases are equal.
  if share > 4 * most then return math.min(capacity, 2 * most) end
  return math.ceil(share / math.ceil(share / most))
end

-- What is left of a lease of another one, where this one would have done it long before: places, or none.
local function take_late(self, worker)
  local now = clock.monotonic()
  for _, other in ipairs(self.list) do
    for _, lease in ipairs(other ~= worker and worker.rate and other.leases or {}) do
      local places = {}
      for _, place in ipairs(lease.places) do
        local is_open = self.is_computed[place] == 0 and self.held[place] < 2
        if is_open and #places < worker.process.capacity then places[#places + 1] = place end
      end
      if places[1] and now - lease.since > 2 * #places / worker.rate then return places end
    end
  end
  return {}
end

-- Gives leases to those that have fewer than `most`.
local function feed(self, most)
  for _, worker in ipairs(self.list) do
    if worker.is_ready and #worker.leases < most and worker.slots[1] then
      local places = take(self, lease_rows(self, worker))
      if not places[1] and #worker.leases == 0 then places = take_late(self, worker) end
      if places[1] then lend(self, worker, places) end
    end
  end
end

local function feed_all(self)
  if self.left == 0 then return end
  feed(self, 1)
  for _, worker in ipairs(self.list) do
    -- How much a device does in half a second shows with its first answer.
    if worker.rate then return feed(self, SLOTS) end
  end
end

-- ---- What they say -------------------------------------------------------------------------------

local function label(worker)
  local name, index = worker.share.name, worker.share.index
  if name then return ("device %d (%s)"):format(index, name) end
  return worker.wanted and "device " .. worker.wanted or "the device"
end

local function remove(self, worker)
  for k, other in ipairs(self.list) do
    if other == worker then table.remove(self.list, k) break end
  end
  for _, lease in ipairs(worker.leases) do release(self, lease) end
end

-- Raises what ends the run when the last worker is lost.
local function end_with(self, worker, message)
  if message.is_over then fail("%s; rows reported done are kept", message.failure) end
  if #self.started == 1 or not (worker.wanted or worker.share.index) then fail("%s", message.failure) end
  fail("%s: %s", label(worker), message.failure)
end

local function tell_lost(self, worker, message)
  self.job.notice(("%s: %s. Its rows go to the other devices"):format(label(worker), message.failure))
end

-- A worker is lost. Raises where that ends the run: it was the last, or it is not what the user took it for.
local function lose(self, worker, message)
  remove(self, worker)
  worker.process:stop()
  if self.list[1] then
    if not (worker.is_ready or message.is_over or self.job.devices == "all") then
      fail("%s: %s", label(worker), message.failure)
    end
    return tell_lost(self, worker, message)
  end
  -- Where the others cannot even be listed, the first one's reason is told.
  if self.lost_first and not worker.wanted then end_with(self, unpack(self.lost_first)) end
  if not self.others_wait then end_with(self, worker, message) end
  -- Whether there are others is not known yet.
  self.lost_first = { worker, message }
  start_others(self)
end

-- What the others of all are: the worker that tells it opens the first of them. False where there is none.
local function take_others(self, worker, others)
  worker.wanted = others[1]
  if others[1] then
    -- One that could not be opened is among these, and is told of when it fails again.
    local first = self.lost_first
    if first and first[1].share.index then tell_lost(self, unpack(first)) end
    for k = 2, #others do start(self, others[k]) end
    return true
  end
  remove(self, worker)
  table.remove(self.shares)
  if self.lost_first then end_with(self, unpack(self.lost_first)) end
  return false
end

-- The names of all that can compute: "A", "2 x A, B".
local function names_of(self)
  local names, count = {}, {}
  for _, worker in ipairs(self.list) do
    local name = worker.is_ready and worker.share.name
    if name then
      if not count[name] then names[#names + 1] = name end
      count[name] = (count[name] or 0) + 1
    end
  end
  for k, name in ipairs(names) do names[k] = count[name] > 1 and ("%d x %s"):format(count[name], name) or name end
  return table.concat(names, ", ")
end

-- The batch that an answer brings: those of its rows that had not come yet.
local function take_answer(self, worker, message)
  local lease = table.remove(worker.leases, 1)
  local now = clock.monotonic()
  -- A short lease may take as long as a longer one, and then tells nothing of the speed.
  worker.most = math.max(worker.most or 0, message.count)
  if not worker.rate or message.count < #lease.places or 2 * message.count >= worker.most then
    worker.rate = message.count / math.max(now - math.max(lease.since, worker.answered or 0), 1e-4)
  end
  worker.answered = now
  local batch = { worker = worker, slot = lease.slot, base = worker.process.rows[lease.slot], rows = {}, places = {} }
  for k = 1, message.count do
    local place = lease.places[k]
    if self.is_computed[place] == 0 then
      self.is_computed[place] = 1
      batch.rows[#batch.rows + 1] = self.rows[place]
      batch.places[#batch.places + 1] = k - 1
    end
  end
  release(self, lease)
  self.left = self.left - #batch.rows
  worker.share.rows = worker.share.rows + #batch.rows
  return batch
end

-- Hears all that a worker has to say.
local function hear(self, worker, batches)
  local message = worker.process:wait(0)
  while message do
    if message.failure then return lose(self, worker, message) end
    if message.others then
      if not take_others(self, worker, message.others) then return end
    elseif message.device then
      worker.share.name, worker.share.index = message.device, message.index
      self.seconds_of_all = self.seconds_of_all or message.seconds_of_all
      self.job.opened(message.device, message.device_type, message.plan)
    elseif message.ready then
      worker.is_ready = true
      self.job.joined(names_of(self))
    else
      batches[#batches + 1] = take_answer(self, worker, message)
    end
    message = worker.process:wait(0)
  end
end

--- Waits for rows.
-- @tparam number milliseconds at most
-- @tparam boolean goes_on whether more is to be asked for
-- @treturn {table,...} batches: `worker`, `rows` (their numbers), `base` (`uint32_t*`) and `places` (where each lies
-- there, in rows). They are valid until given to workers.written
-- @raise what ends the run: the last process was lost, or a device that was asked for cannot compute this
function Workers:wait(milliseconds, goes_on)
  if goes_on then
    start_others_if_worth(self)
    feed_all(self)
  end
  local processes, of = {}, {}
  for k, worker in ipairs(self.list) do
    processes[k] = worker.process
    of[worker.process] = worker
  end
  local batches = {}
  for _, process in ipairs(compute_process.wait_any(processes, milliseconds)) do
    hear(self, of[process], batches)
  end
  if goes_on then feed_all(self) end
  return batches
end

--- Frees the memory of batches.
function workers.written(batches)
  for _, batch in ipairs(batches) do
    local slots = batch.worker.slots
    slots[#slots + 1] = batch.slot
  end
end

--- Whether rows are in hand that will come within about a second.
function Workers:has_rows_coming()
  for _, worker in ipairs(self.list) do
    if worker.rate and worker.leases[1] then return true end
  end
  return false
end

--- What one of them is at, where something is known of that: see Process:wait.
function Workers:call()
  for _, worker in ipairs(self.list) do
    if worker.process.call then return worker.process.call end
  end
end

--- Whether one can compute already.
function Workers:has_ready()
  for _, worker in ipairs(self.list) do
    if worker.is_ready then return true end
  end
  return false
end

-- ---- The end -------------------------------------------------------------------------------------

--- Whether there are any.
function Workers:is_there() return self.list[1] ~= nil end

--- Where all rows have come: ends those that still do some again, or are not ready.
function Workers:drop_late()
  for k = #self.list, 1, -1 do
    local worker = self.list[k]
    if worker.leases[1] or not worker.is_ready then
      remove(self, worker)
      worker.process:kill()
    end
  end
end

--- Tells all that no more is wanted: they free their devices by themselves.
function Workers:finish()
  for _, worker in ipairs(self.list) do worker.process:finish() end
end

--- Ends all. Of those not told to finish, what they have in hand is lost.
function Workers:stop()
  -- All at once, so that they end together. Those told to finish have no requests any more.
  for _, worker in ipairs(self.started) do
    if worker.process.requests then worker.process:kill() end
  end
  for _, worker in ipairs(self.started) do worker.process:stop() end
  self.list = {}
end

return workers
