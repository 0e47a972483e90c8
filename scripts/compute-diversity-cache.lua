#!/usr/bin/env luajit
-- Computes the diversity sequences from all embeddings of a file into a cache file.

package.path = (arg[0]:match("^(.*)/") or ".") .. "/../lua/?.lua;" .. package.path

local argparse = require("argparse")
local signal = require("posix.signal")
local time = require("posix.time")
local unistd = require("posix.unistd")
local cache = require("vk_compute.cache")
local command = require("vk_compute.command")
local embedding_file = require("vk_compute.embedding_file")
local report = require("vk_compute.report")
local vk = require("vk_compute")

local PLAIN_INTERVAL, BAR_INTERVAL = 0.8, 0.1  -- seconds between lines, between changes of the bar

local function positive_integer(text)
  local number = tonumber(text)
  if number and number >= 1 and number < 2 ^ 32 and number % 1 == 0 then return number end
  return nil, ("'%s' is not a number from 1 on"):format(text)
end

local function read_arguments()
  local parser = argparse("compute-diversity-cache.lua",
    "Computes the diversity sequence from every embedding into CACHE, a .npy file of uint32: row s"
    .. " holds item ids, s first, each next one farthest from the centroid of those before it."
    .. " A run that was stopped, by whatever, goes on where it was when started again.",
    "Exit codes: 0 done; 1 failed, refused or found damaged; 2 wrong use; 130 stopped with Ctrl-C.")
  parser:argument("EMBEDDINGS", "file of embeddings: .npy, JSON, JSONL, .fvecs, .fbin or raw float32")
  parser:argument("CACHE", "file to make, such as diversity.npy")
  parser:flag("--center", "subtract the mean embedding first")
  parser:option("--device", "index of the device list, or part of a device's name"):argname("D")
  parser:option("--dim", "numbers of an embedding; raw float32 needs this or --rows"):argname("D")
    :convert(positive_integer)
  parser:option("--rows", "number of embeddings"):argname("N"):convert(positive_integer)
  parser:flag("--skip-missing", "leave out items of JSON that have no embedding; ids are then the numbers"
    .. " of the items kept")
  parser:option("--length", "ids of each sequence (default: all)"):argname("K")
    :convert(positive_integer)
  parser:option("--batch", "bring to disk after at most so many rows (default: about half a second's)")
    :argname("ROWS"):convert(positive_integer)
  parser:flag("--force", "start over, whatever is there")
  parser:flag("--status", "only tell how CACHE stands")
  parser:flag("--verify", "only verify CACHE: checksums, every row, a sample computed again")
  parser:flag("--repair", "with --verify: put right what is damaged")
  parser:flag("--quiet", "print nothing but errors")
  local result = command.parse(parser)
  if result.repair and not result.verify then command.refuse_use("--repair goes with --verify") end
  return result
end

local options = read_arguments()
local on_terminal = unistd.isatty(1) == 1
local bar_shown = false

local function say(text)
  if options.quiet then return end
  if bar_shown then
    io.stdout:write("\r\27[K")
    bar_shown = false
  end
  io.stdout:write(text, "\n")
  io.stdout:flush()
end

local function monotonic()
  local t = time.clock_gettime(time.CLOCK_MONOTONIC)
  return t.tv_sec + t.tv_nsec / 1e9
end

local last_shown, last_phase = -math.huge, nil

local function show(state)
  if options.quiet then return end
  local at = monotonic()
  local interval = on_terminal and BAR_INTERVAL or PLAIN_INTERVAL
  if at - last_shown < interval and state.phase == last_phase then return end
  last_shown, last_phase = at, state.phase
  if not on_terminal then return say(report.line(state)) end
  io.stdout:write("\r", report.bar(state), "\27[K")
  io.stdout:flush()
  bar_shown = true
end

-- Asked to stop: how often, and by which signal.
local stops, stop_signal = 0, nil

local function catch_signals()
  local function stop(number)
    stops, stop_signal = stops + 1, number
  end
  signal.signal(signal.SIGINT, stop)
  signal.signal(signal.SIGTERM, stop)
  -- A file size limit then is an error like a full disk.
  signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
end

local function read_embeddings()
  local embeddings = embedding_file.read(options.EMBEDDINGS, {
    n = options.rows, d = options.dim, skip_missing = options.skip_missing,
  })
  say(("%s: %s"):format(embeddings.path, embeddings.description))
  return embeddings
end

local function compute()
  local result = cache.compute({
    path = options.CACHE, embeddings = read_embeddings(), length = options.length,
    center = options.center, device = options.device, force = options.force, batch = options.batch,
    definition_version = vk.definition_version(), library_version = vk.version(),
    report = show, notice = say, stop = function() return stops end,
  })
  if result.outcome == "stopped" then
    options.quiet = false
    say(("stopped: %.0f of %.0f rows are kept. To go on, run the same command again"):format(
      result.done, result.total))
    return 128 + stop_signal
  end
  say(("%s: %s"):format(result.outcome, options.CACHE))
  say(("  rows         %.0f: %.0f computed now, %.0f kept from earlier"):format(result.total,
    result.computed, result.kept))
  say(("  seconds      %.2f"):format(result.seconds))
  if result.computed > 0 then
    say(("  rows/second  %.1f"):format(result.computed / result.seconds))
  end
  say("  device       " .. result.device)
  say("  fingerprint  " .. result.fingerprint)
  return 0
end

local function verify()
  local result = cache.verify({
    path = options.CACHE, embeddings = read_embeddings(), length = options.length,
    center = options.center or nil, device = options.device, repair = options.repair,
    definition_version = vk.definition_version(),
    report = function(phase, done, total)
      show({ phase = phase == "computing" and "checking" or phase, done = done, total = total,
        seconds = 0 })
    end,
    stop = function() return stops end,
  })
  for _, problem in ipairs(result.problems) do say("PROBLEM: " .. problem) end
  if result.remaining then
    for _, problem in ipairs(result.remaining) do say("STILL A PROBLEM: " .. problem) end
  end
  local unsettled = result.remaining or result.problems
  say(("%s: %.0f of %.0f rows, %.0f of them computed again and compared; %s"):format(options.CACHE,
    result.done, result.total, result.sampled,
    unsettled[1] and (options.repair and "damaged" or "damaged: --repair puts it right")
      or (result.remaining and "repaired" or "verified")))
  return unsettled[1] and command.EXIT_FAILED or 0
end

local function print_status()
  local status = cache.status(options.CACHE)
  for _, line in ipairs(report.status(status)) do say(line) end
  return (status.problems[1] or status.state == "missing") and command.EXIT_FAILED or 0
end

catch_signals()
command.run(options.status and print_status or options.verify and verify or compute, function()
  if bar_shown then io.stdout:write("\n") end
  return stops > 0 and 128 + stop_signal or nil
end)
