#!/usr/bin/env luajit
-- Where the time of a command goes: how long it showed each of its phases on a terminal. By hand:
--
--   tests/bench/phases.lua [RUNS] vulkan-compute ARGUMENT...
--
-- RUNS: how often (1). What takes too short a time to be told of counts with what was shown before.

local ROOT = arg[0]:match("^(.*)/[^/]*$") .. "/../.."
package.path = ROOT .. "/lua/?.lua;" .. ROOT .. "/tests/lua/?.lua;" .. package.path

local terminal = require("terminal_helper")

local runs = tonumber(arg[1])
local words = { unpack(arg, runs and 2 or 1) }

-- What is shown, without the figures.
local function phase_of(text)
  if text:find("^%[") then return "rows come" end
  return (text:gsub("[%d.,%%]+", ""):gsub(" +", " "):gsub("on .*", ""):gsub(" of /.*", ""):sub(1, 60))
end

for run = 1, runs or 1 do
  local result = terminal.run(words)
  local seconds, order, before = {}, {}, { at = 0, text = "start" }
  local function add(until_at)
    local phase = phase_of(before.text)
    if not seconds[phase] then
      seconds[phase], order[#order + 1] = 0, phase
    end
    seconds[phase] = seconds[phase] + until_at - before.at
  end
  for _, shown in ipairs(terminal.shown(result)) do
    if shown.is_progress then
      add(shown.at)
      before = shown
    end
  end
  add(result.seconds)
  print(("run %d: %.3f s, %s %d"):format(run, result.seconds, result.how, result.code))
  for _, phase in ipairs(order) do print(("  %7.3f  %s"):format(seconds[phase], phase)) end
  if result.code ~= 0 then print(result.text) end
end
