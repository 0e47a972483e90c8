--- Work that several processes share, each some of it, where one would take too long.
--
-- They are forked, and so see all that is there; what they make lies in memory that they share, see files.memory. They
-- live no longer than the call, nor than this process.
-- @module vk_compute.system.parallel

local ffi = require("ffi")
local poll = require("posix.poll")
local signal = require("posix.signal")
local unistd = require("posix.unistd")
local wait = require("posix.sys.wait")
local files = require("vk_compute.system.files")
local libc = require("vk_compute.system.libc")

local parallel = {}

local PR_SET_PDEATHSIG = 1
-- More gain little: memory is then as busy as it can be.
local MOST = 8
local TELL_MS = 50
local DONE = "done"

-- How many processors this process may use.
local function processors()
  local mask = ffi.new("uint8_t[1024]")
  if libc.sched_getaffinity(0, ffi.sizeof(mask), mask) ~= 0 then return 1 end
  local count = 0
  for k = 0, ffi.sizeof(mask) - 1 do
    for place = 0, 7 do count = count + bit.band(bit.rshift(mask[k], place), 1) end
  end
  return count
end

-- In the other process. Finalizers of what belongs to this one must not run there.
local function be_worker(parent, writing, body, first, last, counter)
  collectgarbage("stop")
  libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
  if unistd.getppid() ~= parent then unistd._exit(1) end
  local ok, problem = pcall(body, first, last, function(done) counter[0] = counter[0] + done end)
  unistd.write(writing, ok and DONE or tostring(problem))
  unistd._exit(0)
end

-- Nil where the system has no more processes, or files.
local function start(body, first, last, counter)
  local reading, writing = unistd.pipe()
  if not reading then return nil end
  local parent = unistd.getpid()
  io.stdout:flush()
  local pid = unistd.fork()
  if pid == 0 then be_worker(parent, writing, body, first, last, counter) end
  unistd.close(writing)
  if pid then return { pid = pid, fd = reading, said = "" } end
  unistd.close(reading)
end

-- Until all have said what they have to say.
local function await(workers, tell)
  local fds, open = {}, #workers
  for _, worker in ipairs(workers) do fds[worker.fd] = { events = { IN = true } } end
  while open > 0 do
    -- At the end of the time, and at signals, it leaves what was found before.
    local is_new = (poll.poll(fds, TELL_MS) or 0) > 0
    for _, worker in ipairs(workers) do
      local entry = is_new and fds[worker.fd]
      local events = entry and entry.revents
      if events and (events.IN or events.HUP or events.ERR) then
        local text = unistd.read(worker.fd, 4096)
        worker.said = worker.said .. (text or "")
        if text == "" then
          fds[worker.fd] = nil
          open = open - 1
        end
      end
    end
    tell()
  end
end

--- Does work in several processes, or in this one where it is little.
-- @tparam number count units of it: 0 to count - 1
-- @tparam number least units that are worth a process
-- @tparam function body (first, last, advance): does the units from first to last; tells, now and then, advance(how
-- many more are done)
-- @tparam[opt] function progress (done), called some times a second; what it raises ends the work, and is raised
-- @raise what body raises, of several the one of the lowest units
function parallel.each(count, least, body, progress)
  progress = progress or function() end
  local wanted = math.min(MOST, math.floor(count / least), processors())
  local done, workers = 0, {}
  local function alone(first)
    body(first, count - 1, function(more)
      done = done + more
      progress(done)
    end)
  end
  if wanted < 2 then return alone(0) end

  local memory = files.memory(8 * wanted, true)
  local counters = ffi.cast("double *", memory)
  local share = math.ceil(count / wanted)
  local ok, problem = pcall(function()
    for k = 0, wanted - 1 do
      local first, last = k * share, math.min((k + 1) * share, count) - 1
      local worker = first <= last and start(body, first, last, counters + k)
      if first <= last and not worker then
        -- What no process can be had for is done here.
        alone(first)
        break
      end
      workers[#workers + 1] = worker or nil
    end
    local here = done
    await(workers, function()
      done = here
      for k = 0, wanted - 1 do done = done + counters[k] end
      progress(done)
    end)
  end)
  for _, worker in ipairs(workers) do
    if not ok then signal.kill(worker.pid, signal.SIGKILL) end
    local _, how, status = wait.wait(worker.pid)
    worker.ending = ("%s %s"):format(how, status)
    unistd.close(worker.fd)
  end
  files.unmap(memory, 8 * wanted)
  if not ok then error(problem, 0) end
  for _, worker in ipairs(workers) do
    if worker.said ~= DONE then
      local ended = "one of the processes that share the work ended (%s), as happens where memory is short: free some, "
        .. "and try again"
      error(worker.said ~= "" and worker.said or ended:format(worker.ending), 0)
    end
  end
end

return parallel
