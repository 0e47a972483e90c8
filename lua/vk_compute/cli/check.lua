--- vulkan-compute check, and check-diversity-progress.lua.
-- @module vk_compute.cli.check

local time = require("posix.time")
local cache = require("vk_compute.cache")
local command = require("vk_compute.cli.command")
local output = require("vk_compute.cli.output")
local messages = require("vk_compute.cli.messages")

local check = {
  summary = "tell how a cache stands",
  description = "Tells how CACHE stands: rows done, rate, time left, who is writing, whether anything"
    .. " is wrong. It only reads: a running computation is not disturbed.",
  epilog = "Exit codes: 0 no problem known; 1 a problem, or no such cache; 2 the command failed, or was called"
    .. " wrongly.",
}

function check.declare(parser)
  parser:argument("CACHE", "the file that is, or is to be, computed")
  parser:flag("--watch", "tell it every second until there is no writer any more")
  parser:flag("--json", "as JSON, one object a line")
end

--- The exit code for a status.
function check.exit_code(status)
  return (status.problems[1] or status.state == "missing") and command.EXIT_NOT_WELL or 0
end

local on_terminal = output.can_redraw(1)
local CLEAR_SCREEN, REDRAW = "\27[2J\27[H", "\27[H\27[J"

local function show(options, status, is_first)
  if options.json then return output.write(output.json(status) .. "\n") end
  local redraw = options.watch and on_terminal and (is_first and CLEAR_SCREEN or REDRAW) or ""
  output.write(redraw .. table.concat(messages.status(status), "\n") .. "\n")
end

function check.main(options)
  local is_first = true
  while true do
    local status = cache.status(options.CACHE)
    show(options, status, is_first)
    if not (options.watch and status.writer) then return check.exit_code(status) end
    is_first = false
    time.nanosleep({ tv_sec = 1, tv_nsec = 0 })
  end
end

return check
