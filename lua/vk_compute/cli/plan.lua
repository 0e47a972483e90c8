--- vulkan-compute plan.
-- @module vk_compute.cli.plan

local command = require("vk_compute.cli.command")
local options_of = require("vk_compute.cli.options")
local output = require("vk_compute.cli.output")
local plan_text = require("vk_compute.ffi.plan_text")
local vk = require("vk_compute")

local plan = {
  summary = "tell what memory and time some work will take",
  description = "Tells what memory of the device and of the host some work on embeddings takes, whether that fits,"
    .. " which way the work will go and about how long it will take. Computes nothing.",
  epilog = "Exit codes: 0 it fits; 1 it does not; 2 the command failed, or was called wrongly.",
}

local WAYS = {
  matrix = "by the similarity matrix",
  rows = "by rows of the similarity matrix, as they are needed",
  filter = "by the filter, without a similarity matrix",
}

local UNITS = { { 86400, "days" }, { 3600, "hours" }, { 60, "minutes" }, { 1, "s" } }

-- A rough time, in the unit that people would say it in.
local function rough(seconds)
  if seconds < 0.01 then return "less than 0.01 s" end
  for _, unit in ipairs(UNITS) do
    local number = seconds / unit[1]
    if number >= 2 then return ("about %.0f %s"):format(number, unit[2]) end
  end
  return ("about %.2g s"):format(seconds)
end

local function way_text(result)
  local way = "way: " .. WAYS[result.way]
  if not result.seconds then return way end
  return ("%s; %s of computing, an estimate"):format(way, rough(result.seconds))
end

function plan.declare(parser)
  parser:option("--rows", "number of embeddings"):argname("N"):count(1):convert(options_of.count)
  parser:option("--dim", "numbers of an embedding"):argname("D"):count(1):convert(options_of.count)
  parser:option("--work", "what is to be done (default: diversity)")
    :choices({ "upload", "similarity", "diversity", "neighbors" })
  parser:option("--count", "rows, walks or items of one call of the library (default: all)"):argname("C")
    :convert(options_of.count)
  parser:option("--length", "ids of each sequence, or of neighbours (default: all)"):argname("K")
    :convert(options_of.count)
  options_of.device(parser)
  options_of.json(parser)
end

function plan.main(options)
  local out = output.new(options)
  local context = vk.new({ device = options.device })
  local result = context:plan_memory({
    n = options.rows, d = options.dim, work = options.work, count = options.count,
    length = options.length, k = options.length,
  })
  out:say(plan_text(result))
  if result.way then out:say(way_text(result)) end
  out:document(result)
  context:shutdown()
  return result.fits and 0 or command.EXIT_NOT_WELL
end

return plan
