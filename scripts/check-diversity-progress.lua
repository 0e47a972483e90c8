#!/usr/bin/env luajit
-- Tells how a diversity cache stands that is being computed, was stopped or is finished. It only
-- reads: a running computation is not disturbed.

package.path = (arg[0]:match("^(.*)/") or ".") .. "/../lua/?.lua;" .. package.path

local argparse = require("argparse")
local cjson = require("cjson")
local signal = require("posix.signal")
local time = require("posix.time")
local unistd = require("posix.unistd")
local cache = require("vk_compute.cache")
local command = require("vk_compute.command")
local report = require("vk_compute.report")

local function read_arguments()
  local parser = argparse("check-diversity-progress.lua",
    "Tells how CACHE stands: rows done, rate, time left, who is writing, whether anything is wrong.",
    "Exit codes: 0 no problem known; 1 a problem, or no such cache; 2 wrong use.")
  parser:argument("CACHE", "the file that compute-diversity-cache.lua makes")
  parser:flag("--watch", "tell it every second until there is no writer any more")
  parser:flag("--json", "as JSON, one object a line")
  return command.parse(parser)
end

local options = read_arguments()
local on_terminal = unistd.isatty(1) == 1

local function to_json(status)
  -- An empty Lua table becomes an object.
  return (cjson.encode(status):gsub('"problems":{}', '"problems":[]'))
end

local function show(status, is_first)
  if options.json then
    print(to_json(status))
  else
    if options.watch and on_terminal and not is_first then io.stdout:write("\27[H\27[J") end
    if options.watch and on_terminal and is_first then io.stdout:write("\27[2J\27[H") end
    for _, line in ipairs(report.status(status)) do print(line) end
  end
  io.stdout:flush()
end

local function check()
  local is_first = true
  while true do
    local status = cache.status(options.CACHE)
    show(status, is_first)
    if not (options.watch and status.writer) then
      return (status.problems[1] or status.state == "missing") and command.EXIT_FAILED or 0
    end
    is_first = false
    time.nanosleep({ tv_sec = 1, tv_nsec = 0 })
  end
end

signal.signal(signal.SIGINT, signal.SIG_DFL)
command.run(check)
