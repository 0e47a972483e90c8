--- A process that computes rows on a device while this one checks, writes and reports.
--
-- Computing and writing thereby overlap; a call into the library does not hold up progress or
-- Ctrl-C; and a driver that crashes ends the other process, not the one that owns the files. The
-- other process touches no file of the cache. When this process ends, however it ends, it ends too.
--
-- It is forked before any device is opened, since Vulkan does not survive a fork: a process that has
-- made a context must not start one.
--
-- Rows come back in memory that both share, in two slots: one is being computed while the other is
-- being written. Requests are served in order; each slot may be asked for again once its rows are written.
-- @module vk_compute.cache.compute_process

local ffi = require("ffi")
local errno = require("posix.errno")
local poll = require("posix.poll")
local signal = require("posix.signal")
local stdlib = require("posix.stdlib")
local unistd = require("posix.unistd")
local wait = require("posix.sys.wait")
local clock = require("vk_compute.system.clock")
local device_list = require("vk_compute.cache.device_list")
local json = require("vk_compute.system.json")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local identity = require("vk_compute.cache.identity")
local kinds = require("vk_compute.cache.kinds")
local libc = require("vk_compute.system.libc")
local plan_text = require("vk_compute.ffi.plan_text")
local signals = require("vk_compute.system.signals")
local open_twin_ids = require("vk_compute.cache.twin_ids")

local compute_process = {}

local PR_SET_PDEATHSIG = 1
local SLOTS = 2
-- Room for rows in a slot. Only what a batch fills is ever touched. A fast device fills it in less than
-- half a second: smaller batches then let writing overlap with computing.
local SLOT_BYTES = 64 * 1024 * 1024
-- How long a process that was told to finish may take to free its device.
local FINISH_MS = 5000
-- How long one that was killed is waited for: seconds. A driver that has much memory to free takes longer, and needs
-- nobody for that.
local KILL_SECONDS = 0.2

-- ---- The computing side --------------------------------------------------------------------------

local function read_line(fd)
  local bytes = {}
  while true do
    local byte, _, number = unistd.read(fd, 1)
    if byte == nil then
      if number ~= errno.EINTR then return nil end
    elseif byte == "" then
      return nil
    elseif byte == "\n" then
      return table.concat(bytes)
    else
      bytes[#bytes + 1] = byte
    end
  end
end

local function send(fd, message)
  local text = json.encode(message) .. "\n"
  assert(unistd.write(fd, text) == #text)
end

-- How often the other side hears of a call that is under way: seconds.
local TELL_INTERVAL = 0.1

-- Gives a listener for Context:set_progress that sends what it hears.
local function new_teller(replies)
  local told_at, told_phase = -math.huge, nil
  return function(phase, done, total)
    local now = clock.monotonic()
    if phase == told_phase and now - told_at < TELL_INTERVAL then return end
    told_at, told_phase = now, phase
    send(replies, { phase = phase, done = done, total = total })
  end
end

-- Opens the device. Where the others of all were asked for, they are told, and the first of them is opened: nil where
-- there is none.
local function open_device(job, replies)
  local device = job.device
  if job.others_than ~= nil then
    local others = device_list(job.vk)
    for k = #others, 1, -1 do
      if tonumber(others[k]) == job.others_than then table.remove(others, k) end
    end
    send(replies, { others = others })
    device = others[1]
    if not device then return nil end
  end
  -- Of all, the first is the default whatever the user's variable names.
  if not device and job.is_of_all then stdlib.setenv("VKC_DEVICE", nil) end
  return job.vk.new({ device = device })
end

-- What so many rows take.
local function plan_of(context, kind, what, count)
  return context:plan_memory({
    n = what.n, d = what.d, work = kind.work, count = count, length = what.length, k = what.length,
  })
end

local function serve(self, job, requests, replies)
  local context = open_device(job, replies)
  if not context then return end
  context:set_progress(new_teller(replies))
  local embeddings, what = job.embeddings, job.what
  local kind = kinds[what.kind]
  if kind.has_queries and not embeddings.queries then
    fail("%s holds the nearest items of queries: name the file of these, too (--queries)", job.path)
  end
  local plan = plan_of(context, kind, what, self.capacity)
  local _, all_rows = identity.rows(what)
  local info = context:device_info()
  send(replies, {
    device = info.name, device_type = info.type, index = info.index, plan = plan,
    seconds_of_all = plan_of(context, kind, what, all_rows).seconds,
  })
  if not plan.fits then fail("%s", plan_text(plan)) end
  context:upload_embeddings(embeddings.data, embeddings.n, embeddings.d, { center = what.centered })
  send(replies, { ready = true })

  while true do
    local line = read_line(requests)
    if not line then break end
    local slot, count, planned = line:match("^(%d+) (%d+) (%d+)$")
    slot, count = tonumber(slot), tonumber(count)
    count = kind.compute(context, self.starts[slot], count, what, self.rows[slot],
      { ids_of = self.ids_of, queries = embeddings.queries, planned = tonumber(planned) })
    send(replies, { slot = slot, count = count })
  end
  context:shutdown()
end

local function be_computing_process(self, job, requests, replies, parent)
  libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
  if unistd.getppid() ~= parent then unistd._exit(1) end
  -- Ctrl-C and its end go to all processes of a terminal, and batch systems end all of a job: it is the other one
  -- that decides what follows.
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  signal.signal(signal.SIGTERM, signal.SIG_IGN)
  signal.signal(signal.SIGHUP, signal.SIG_IGN)
  signals.unblock()
  local ok, problem = pcall(serve, self, job, requests, replies)
  if not ok then
    local message = type(problem) == "table" and problem.message or tostring(problem)
    local name = type(problem) == "table" and problem.name or nil
    pcall(send, replies, { error = message, name = name })
  end
  unistd._exit(ok and 0 or 1)
end

-- ---- The writing side ----------------------------------------------------------------------------

local Process = {}
Process.__index = Process

-- Processes that have not been stopped yet.
local started = {}
local earlier_sigpipe

local function pipe()
  local reading, writing = unistd.pipe()
  if not reading then fail("cannot make a pipe: %s", writing) end
  return reading, writing
end

--- Starts a computing process.
-- @tparam table job `vk` (the module vk_compute), `path` (the cache), `what` (its identity), `embeddings` (`data`,
-- `n`, `d`), `device` (or nil for the default), `others_than` (nil, or the index of a device, false for none: it tells
-- all others, and takes the first of them), `is_of_all` (whether all devices were asked for), `batch` (rows a request
-- at most, or nil)
-- @treturn Process
function compute_process.start(job)
  local row_bytes = job.what.length * 4
  local _, count = identity.rows(job.what)
  local capacity = math.max(1, math.min(count, math.floor(SLOT_BYTES / row_bytes)))
  if job.batch then capacity = math.min(capacity, job.batch) end
  local slot_bytes = capacity * (row_bytes + 4)
  local memory = files.memory(SLOTS * slot_bytes, true)
  local self = setmetatable({ capacity = capacity, memory = memory, starts = {}, rows = {},
    received = "", pid = nil }, Process)
  if kinds[job.what.kind].is_twin then self.ids_of = open_twin_ids(job.path, job.what) end
  for slot = 0, SLOTS - 1 do
    local base = ffi.cast("uint32_t *", memory) + slot * (slot_bytes / 4)
    self.starts[slot], self.rows[slot] = base, base + capacity
  end

  local request_reading, request_writing = pipe()
  local reply_reading, reply_writing = pipe()
  local parent = unistd.getpid()
  io.stdout:flush()
  local pid, message = unistd.fork()
  if not pid then fail("cannot start the computing process: %s", message) end
  if pid == 0 then
    unistd.close(request_writing)
    unistd.close(reply_reading)
    -- Another one sees the end of its requests only where nobody else holds their pipe.
    for other in pairs(started) do other:close() end
    be_computing_process(self, job, request_reading, reply_writing, parent)
  end
  unistd.close(request_reading)
  unistd.close(reply_writing)
  self.pid, self.requests, self.replies = pid, request_writing, reply_reading
  -- A request to a process that has ended shall not end this one.
  if not next(started) then earlier_sigpipe = signal.signal(signal.SIGPIPE, signal.SIG_IGN) end
  started[self] = true
  return self
end

--- Waits until one of several has something to say.
-- @tparam {Process,...} processes
-- @tparam number milliseconds at most
-- @treturn {Process,...} those whose `wait` has a message, or will have: empty after the time or at a signal
function compute_process.wait_any(processes, milliseconds)
  local speaking, fds = {}, {}
  for _, process in ipairs(processes) do
    if process.received:find("\n", 1, true) then speaking[#speaking + 1] = process end
    fds[process.replies] = { events = { IN = true } }
  end
  if speaking[1] or (poll.poll(fds, milliseconds) or 0) < 1 then return speaking end
  for _, process in ipairs(processes) do
    local events = fds[process.replies].revents
    if events and (events.IN or events.HUP or events.ERR) then speaking[#speaking + 1] = process end
  end
  return speaking
end

--- Asks for rows. Of each slot one request at a time; what `wait` returns says how many of them came.
-- @tparam number slot 0 or 1: where the rows are to lie
-- @tparam {number,...} rows their numbers
-- @tparam number first place in the list to begin at, from 1
-- @tparam number planned how many rows are wanted of this process in all, these and further ones
function Process:request(slot, rows, first, planned)
  local count = math.min(self.capacity, #rows - first + 1)
  for k = 0, count - 1 do self.starts[slot][k] = rows[first + k] end
  -- A failure shows at the next wait: the other end is gone.
  unistd.write(self.requests, ("%d %.0f %.0f\n"):format(slot, count, planned))
end

-- What is to be said of a process that has ended by itself.
local function end_of(self)
  local _, how, status = wait.wait(self.pid)
  self.pid = nil
  local reason = status == signal.SIGKILL and ", as happens where memory is short" or ""
  local failure = ("the computing process ended (%s %s)%s"):format(tostring(how), tostring(status), reason)
  return { failure = failure, is_over = true }
end

local function next_message(self)
  local line, rest = self.received:match("^(.-)\n(.*)$")
  if not line then return nil end
  self.received = rest
  local message = json.decode(line)
  if message.phase then
    self.call = message
    return next_message(self)
  end
  self.call = nil
  if message.error then
    return { failure = message.error .. (message.name and (" (%s)"):format(message.name) or "") }
  end
  return message
end

--- Waits for the computing process to say something.
-- @tparam number milliseconds at most
-- @treturn table `others` (the devices that were asked for: see device_list.lua); `device`, `device_type` and `index`
-- (its name, type and place in the device list: the device is open), `plan` (as from Context:plan_memory) and
-- `seconds_of_all` (what all rows would take it, or nil); `ready` (the embeddings are on it); `slot` and `count` (so
-- many rows of the request lie in the slot); or `failure`, a text: nothing more will come; `is_over` where it ended
-- without a word. Nil after the time, at a signal, or where there is but news of the call that is under way: the member
-- `call` of the process is then `phase`, `done` and `total`, as Context:set_progress tells them
function Process:wait(milliseconds)
  local message = next_message(self)
  if message then return message end
  if poll.rpoll(self.replies, milliseconds) ~= 1 then return nil end
  local text = unistd.read(self.replies, 65536)
  if not text then return nil end
  if text == "" then return end_of(self) end
  self.received = self.received .. text
  return next_message(self)
end

-- Closes this side's ends of the pipes, those of replies last.
function Process:close()
  self:finish()
  if self.replies then files.close(self.replies) end
  self.replies = nil
end

--- Tells the computing process that no more is wanted: it frees the device by itself.
function Process:finish()
  if self.requests then files.close(self.requests) end
  self.requests = nil
end

--- Begins to end the computing process: stop waits for that, which can take a driver a while.
function Process:kill()
  if not self.pid then return end
  signal.kill(self.pid, signal.SIGKILL)
  self.killed = self.killed or clock.monotonic()
end

--- Ends the computing process: one that was told to finish gets the time for it (drivers keep what
-- they have compiled on disk, for the next run); of any other, what it has in hand is lost.
function Process:stop()
  if self.pid then
    if self.requests or poll.rpoll(self.replies, FINISH_MS) ~= 1 then
      self:kill()
      while wait.wait(self.pid, wait.WNOHANG) ~= self.pid and clock.monotonic() - self.killed < KILL_SECONDS do
        poll.poll({}, 5)
      end
    else
      wait.wait(self.pid)
    end
    self.pid = nil
  end
  self:close()
  if started[self] then
    started[self] = nil
    if not next(started) then signal.signal(signal.SIGPIPE, earlier_sigpipe) end
  end
end

return compute_process
