-- Where the time of a run on one or several devices goes: runs `vulkan-compute cache` (or `neighbors`) and prints when
-- each phase of each device began and ended, how busy the devices were, and what the process that writes did meanwhile.
--
--     luajit tests/bench/several_devices.lua cache EMBEDDINGS CACHE --devices all ...    (the command's own arguments)

local began_at = require("posix.time").clock_gettime(1)
local root = (arg[0]:match("^(.*)/") or ".") .. "/../.."
package.path = root .. "/lua/?.lua;" .. package.path

local unistd = require("posix.unistd")
local clock = require("vk_compute.system.clock")

local start = began_at.tv_sec + began_at.tv_nsec / 1e9
local function now() return clock.monotonic() - start end

-- ---- The process that writes -----------------------------------------------------------------------

local spent, marks = {}, {}

local function mark(name) marks[#marks + 1] = { now(), name } end

local function add(what, seconds)
  spent[what] = (spent[what] or 0) + seconds
end

-- Adds what a function of a module takes to a sum, and marks when it ends where `marked` says what then has happened.
local function time(module, name, what, marked)
  local real = module[name]
  module[name] = function(...)
    local before = now()
    local results = { real(...) }
    add(what, now() - before)
    if marked then mark(marked) end
    return unpack(results)
  end
end

local files = require("vk_compute.system.files")
local kinds = require("vk_compute.cache.kinds")
local rows = require("vk_compute.cache.rows")
local xxhash = require("vk_compute.system.xxhash")
local workers = require("vk_compute.cache.workers")
time(require("vk_compute.formats.embedding_file"), "read", "reading", "embeddings are read")
time(require("vk_compute.cache.identity"), "of", "fingerprint", "their fingerprint is made")
time(require("vk_compute.cache.partial"), "open", "opening NAME.partial")
time(files, "write", "writing")
time(files, "sync", "syncing")
time(files, "sync_names", "syncing")
local rename = files.rename
function files.rename(from, to)
  rename(from, to)
  if from:find("%.partial$") then mark("the file has its name") end
end
time(workers, "start", "starting processes", "processes are started")

local comparison = rows.comparison
function rows.comparison(...)
  local one = comparison(...)
  local hex64 = xxhash.hex64
  for name, what in pairs({ go_on = "reading back", finish = "reading back at the end" }) do
    local real = one[name]
    one[name] = function(...)
      local before = now()
      xxhash.hex64 = spent.hex64
      local one_result, other = real(...)
      xxhash.hex64 = hex64
      add(what, now() - before)
      return one_result, other
    end
  end
  return one
end
spent.hex64 = xxhash.hex64
time(xxhash, "hex64", "checksums")

-- ---- The processes that compute --------------------------------------------------------------------

-- All write to one file, a line an event: process, event, when it began, when it ended, rows.
local log_path = os.tmpname()
local function log(event, before, count)
  local file = io.open(log_path, "a")
  file:write(("%d %s %.6f %.6f %d\n"):format(unistd.getpid(), event, before, now(), count or 0))
  file:close()
end

for _, kind in pairs(kinds) do
  local compute, new_check = kind.compute, kind.new_check
  kind.compute = function(...)
    local before = now()
    local count = compute(...)
    log("rows", before, count)
    return count
  end
  kind.new_check = function(...)
    local check = { new_check(...) }
    time(check, 1, "checking rows")
    return check[1]
  end
end

local vk = require("vk_compute")
local new, list_devices = vk.new, vk.list_devices
function vk.new(...)
  local before = now()
  local context = new(...)
  log("open", before)
  local methods = setmetatable({}, { __index = function(_, name)
    local method = context[name]
    return method and function(_, ...) return method(context, ...) end
  end })
  function methods.upload_embeddings(_, ...)
    local began = now()
    context:upload_embeddings(...)
    log("upload", began)
  end
  function methods.shutdown()
    local began = now()
    context:shutdown()
    log("close", began)
  end
  return methods
end
function vk.list_devices(...)
  local before = now()
  local list = list_devices(...)
  log("list", before)
  return list
end

-- ---- What came of it -------------------------------------------------------------------------------

local function events_of_processes()
  local of, list = {}, {}
  for line in io.lines(log_path) do
    local pid, event, before, after, count = line:match("(%d+) (%a+) (%S+) (%S+) (%d+)")
    if not of[pid] then
      of[pid] = { pid = pid, rows = {} }
      list[#list + 1] = of[pid]
    end
    local entry = { began = tonumber(before), ended = tonumber(after), count = tonumber(count) }
    if event == "rows" then table.insert(of[pid].rows, entry) else of[pid][event] = entry end
  end
  os.remove(log_path)
  return list
end

local function span(entry) return entry and ("%.2f to %.2f"):format(entry.began, entry.ended) or "-" end

local function tell_process(process)
  local count, busy, longest_gap = 0, 0, 0
  for k, entry in ipairs(process.rows) do
    count, busy = count + entry.count, busy + entry.ended - entry.began
    if k > 1 then longest_gap = math.max(longest_gap, entry.began - process.rows[k - 1].ended) end
  end
  local first, last = process.rows[1], process.rows[#process.rows]
  local line = ("  %s: list %s, open %s, upload %s"):format(process.pid, span(process.list), span(process.open),
    span(process.upload))
  if first then
    line = line .. (", first rows %s, last %s, %d rows in %d calls; busy %.2f of %.2f s, longest gap %.3f s"):format(
      span(first), span(last), count, #process.rows, busy, last.ended - first.began, longest_gap)
    -- The first call makes the matrix; the last ones are short.
    local steady = { rows = 0, seconds = 0 }
    for k, entry in ipairs(process.rows) do
      if k > 2 and k < #process.rows - 2 then
        steady.rows, steady.seconds = steady.rows + entry.count, steady.seconds + entry.ended - entry.began
      end
    end
    if steady.rows > 0 then line = line .. (", steady %.1f rows/s"):format(steady.rows / steady.seconds) end
  end
  print(line .. ", close " .. span(process.close))
end

local function tell(code)
  local total = now()
  print(("phases: %.2f s, exit code %s"):format(total, tostring(code)))
  for _, entry in ipairs(marks) do print(("  %.2f %s"):format(unpack(entry))) end
  for _, process in ipairs(events_of_processes()) do tell_process(process) end
  local names = {}
  spent.hex64 = nil
  for name in pairs(spent) do names[#names + 1] = name end
  table.sort(names)
  for k, name in ipairs(names) do names[k] = ("%s %.2f"):format(name, spent[name]) end
  print("  seconds of the process that writes: " .. table.concat(names, ", "))
  io.stdout:flush()
end

local exit = os.exit
rawset(os, "exit", function(code, ...)
  tell(code)
  exit(code, ...)
end)
require("vk_compute.cli").main()
