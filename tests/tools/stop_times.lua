#!/usr/bin/env luajit
-- How long commands take to end with Ctrl-C, and how long they are silent: each command on a terminal of 80 columns,
-- Ctrl-C pressed at many moments of its run. By hand:
--
--   tests/tools/stop_times.lua FOLDER N D [COMMAND...]     as many as the device does in minutes: 20,000 x 768 on a CPU
--
-- FOLDER gets the embeddings and the caches that commands need, and keeps them. COMMAND is a name of the list below, or
-- the beginning of some; default: all. Environment variables, such as VKC_DEVICE, are those of the commands, too.
-- LIMIT is when each run is stopped at last: seconds, 12 where it is not set. MOMENTS: when Ctrl-C is pressed, such as
-- "0.1 0.5 1".

local ROOT = arg[0]:match("^(.*)/[^/]*$") .. "/../.."
package.path = ROOT .. "/lua/?.lua;" .. ROOT .. "/tests/lua/?.lua;" .. package.path

local ffi = require("ffi")
local random_rows = require("random_rows")
local terminal = require("terminal_helper")
local npy_header = require("vk_compute.formats.npy_header")

local PROGRAM = ROOT .. "/bin/vulkan-compute"
local USUAL_MOMENTS = { 0.05, 0.15, 0.3, 0.45, 0.6, 0.8, 1.1, 1.5, 2, 2.7, 3.5, 5, 7, 9 }
local LIMIT = tonumber(os.getenv("LIMIT") or 12)
local MOMENTS = {}
for moment in (os.getenv("MOMENTS") or table.concat(USUAL_MOMENTS, " ")):gmatch("%S+") do
  MOMENTS[#MOMENTS + 1] = tonumber(moment)
end

local folder, n, d = arg[1], tonumber(arg[2]), tonumber(arg[3])
local chosen = { unpack(arg, 4) }
local function path(name) return folder .. "/" .. name end
local function exists(name) return os.execute("test -e '" .. path(name) .. "'") == 0 end

-- ---- What commands need --------------------------------------------------------------------------

local function write_embeddings(name, count)
  local row, write_row = ffi.new("float[?]", d), random_rows(d)
  local file = assert(io.open(path(name), "wb"))
  file:write(npy_header.float32_header(count, d))
  for _ = 1, count do
    write_row(row)
    file:write(ffi.string(row, 4 * d))
  end
  file:close()
end

-- The same numbers as JSON, an object a line.
local function write_json(name, count)
  local file = assert(io.open(path(name), "wb"))
  local state, numbers = 99, {}
  for row = 0, count - 1 do
    for k = 1, d do
      state = state * 16807 % 2147483647
      numbers[k] = ("%.8f"):format(state / 2147483647 - 0.5)
    end
    file:write(('{"id": "i%d", "text": "item %d", "embedding": [%s]}\n'):format(row, row, table.concat(numbers, ",")))
  end
  file:close()
end

local function run(words, options)
  for k, word in ipairs(words) do words[k] = word:gsub("^@", folder .. "/") end
  return terminal.run({ PROGRAM, unpack(words) }, options)
end

local function must_run(...)
  local result = run({ ... })
  assert(result.code == 0, result.text)
end

local function prepare()
  os.execute("mkdir -p '" .. folder .. "'")
  if not exists("e.npy") then write_embeddings("e.npy", n) end
  if not exists("q.npy") then write_embeddings("q.npy", math.ceil(n / 4)) end
  if not exists("e.jsonl") then write_json("e.jsonl", math.min(n, 20000)) end
  if not exists("whole.npy") then must_run("cache", "@e.npy", "@whole.npy", "--length", "20") end
  for shard = 0, 1 do
    local name = ("s%d.npy"):format(shard)
    if not exists(name) then
      must_run("neighbors", "@e.npy", "@" .. name, "--queries", "@q.npy", "--shard", shard .. "/2")
    end
  end
end

-- ---- Commands ------------------------------------------------------------------------------------

local MATRIX, FILTER = { VKC_WALKS = "matrix" }, { VKC_WALKS = "filter" }
local ROWS, OF_FILTER = { VKC_NEIGHBORS = "rows" }, { VKC_NEIGHBORS = "filter" }

-- A name, the words of the command line, where @ stands for the folder, and environment variables.
local COMMANDS = {
  { "cache of JSON", { "cache", "@e.jsonl", "@out.npy", "--length", "20" } },
  { "cache", { "cache", "@e.npy", "@out.npy" } },
  { "cache, matrix", { "cache", "@e.npy", "@out.npy", "--length", "100", "--center" }, MATRIX },
  { "cache, filter", { "cache", "@e.npy", "@out.npy", "--length", "20" }, FILTER },
  { "cache, away, filter", { "cache", "@e.npy", "@out.npy", "--length", "20", "--order", "away", "--lambda", "0.5" },
    FILTER },
  { "cache that is there", { "cache", "@e.npy", "@whole.npy", "--length", "20" } },
  { "neighbors, rows", { "neighbors", "@e.npy", "@out.npy" }, ROWS },
  { "neighbors, filter", { "neighbors", "@e.npy", "@out.npy", "--similarities" }, OF_FILTER },
  { "neighbors of queries", { "neighbors", "@e.npy", "@out.npy", "--queries", "@q.npy" } },
  { "neighbors of one", { "neighbors", "@e.npy", "--of", "5" } },
  { "sequence, matrix", { "diversity-sequence", "@e.npy", "--start", "5" }, MATRIX },
  { "sequence, filter", { "diversity-sequence", "@e.npy", "--start", "5" }, FILTER },
  { "sequence of JSON", { "diversity-sequence", "@e.jsonl", "--start", "i5", "--length", "10" } },
  { "similarity", { "similarity", "@e.npy", "@out.npy" } },
  { "similarity of some", { "similarity", "@e.npy", "--between", "1", "2", "3" } },
  { "verify", { "verify", "@e.npy", "@whole.npy" } },
  { "check", { "check", "@whole.npy" } },
  { "export", { "export", "@whole.npy", "@out.json" } },
  { "merge", { "merge", "@out.npy", "@s0.npy", "@s1.npy" } },
  { "report", { "report", "@e.npy" } },
  { "report on a cache", { "report", "@e.npy", "@whole.npy" } },
  { "explore", { "explore", "@e.npy", "-o", "@out.html" } },
  { "explore, texts", { "explore", "@e.jsonl", "--texts", "@e.jsonl", "-o", "@out.html" } },
}

local function is_chosen(name)
  for _, beginning in ipairs(chosen) do
    if name:sub(1, #beginning) == beginning then return true end
  end
  return not chosen[1]
end

local function last_shown(result)
  local shown = terminal.shown(result)
  for k = #shown, 1, -1 do
    if not shown[k].text:find("^%^C") and shown[k].is_progress then return shown[k].text end
  end
  return "(nothing)"
end

-- Runs a command once, until a moment at most.
local function run_until(command, moment)
  os.execute("rm -f '" .. folder .. "'/out.*")
  return run({ unpack(command[2]) }, {
    environment = command[3], interrupt = function(seconds) return seconds >= moment end,
  })
end

local function measure(command)
  local longest, of, widest, slowest, slowest_at, slowest_of = 0, "", 0, 0, 0, ""
  local function look_at(result, moment)
    local silence, text = terminal.longest_silence(result)
    if silence > longest then longest, of = silence, text end
    for _, shown in ipairs(terminal.shown(result)) do
      if shown.is_progress then widest = math.max(widest, shown.columns) end
    end
    if result.seconds_to_end and result.seconds_to_end > slowest then
      slowest, slowest_at, slowest_of = result.seconds_to_end, moment, last_shown(result)
    end
    if result.code ~= 0 and result.code ~= 130 and not (result.how == "killed" and result.code == 2) then
      print(("  %s at %.2f s: %s %d: %s"):format(command[1], moment, result.how, result.code, result.text))
    end
  end
  local whole = run_until(command, LIMIT)
  look_at(whole, LIMIT)
  for _, moment in ipairs(MOMENTS) do
    if moment < math.min(whole.seconds, LIMIT) then look_at(run_until(command, moment), moment) end
  end
  print(("%-22s %7.2f %s| end %5.2f s at %4.1f: %s"):format(command[1], whole.seconds,
    whole.seconds_to_end and "+" or " ", slowest, slowest_at, slowest_of))
  print(("%-32s| silent %5.2f s at: %s"):format(("widest %d"):format(widest), longest, of))
  io.stdout:flush()
end

prepare()
for _, command in ipairs(COMMANDS) do
  if is_chosen(command[1]) then measure(command) end
end
