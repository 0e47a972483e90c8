--- Computing a file of rows that goes on where it was stopped: what commands that do so share.
-- @module vk_compute.cli.compute

local cache = require("vk_compute.cache")
local input = require("vk_compute.cli.input")
local options_of = require("vk_compute.cli.options")
local output = require("vk_compute.cli.output")
local stop = require("vk_compute.cli.stop")
local vk = require("vk_compute")

local compute = {}

--- Adds the options that all such commands have.
function compute.declare(parser)
  options_of.center(parser)
  options_of.device(parser)
  parser:option("--batch", "bring to disk after at most so many rows (default: about half a second's)")
    :argname("ROWS"):convert(options_of.count)
  parser:flag("--force", "start over, whatever is there")
  options_of.quiet(parser)
  options_of.json(parser)
end

local function tell_stopped(options, result)
  -- Even where it is to be quiet: the work is not done.
  output.new({ json = options.json }):say(
    ("stopped: %.0f of %.0f rows are kept. To go on, run the same command again"):format(result.done,
      result.total))
end

local function tell_finished(out, path, result)
  out:say(("%s: %s"):format(result.outcome, path))
  out:say(("  rows         %.0f: %.0f computed now, %.0f kept from earlier"):format(result.total,
    result.computed, result.kept))
  out:say(("  seconds      %.2f"):format(result.seconds))
  if result.computed > 0 then
    out:say(("  rows/second  %.1f"):format(result.computed / result.seconds))
  end
  out:say("  device       " .. result.device)
  out:say("  fingerprint  " .. result.fingerprint)
end

--- Computes the file, or goes on computing it.
-- @tparam table options of the command, `EMBEDDINGS` among them
-- @tparam table job what is particular to the command, as for writer.run: `path`, `length`
-- @treturn number the exit code
function compute.run(options, job)
  stop.catch()
  local out = output.new(options)
  job.embeddings = input.read(options)
  job.center, job.device = options.center, options.device
  job.force, job.batch = options.force, options.batch
  job.definition_version, job.library_version = vk.definition_version(), vk.version()
  job.report = function(state) out:progress(state) end
  job.notice = function(text) out:notice(text) end
  job.stop = stop.count
  local result = cache.compute(job)
  local stopped = result.outcome == "stopped"
  if stopped then tell_stopped(options, result) else tell_finished(out, job.path, result) end
  result.path, result.notices = job.path, out.notices
  out:document(result)
  return stopped and stop.exit_code() or 0
end

return compute
