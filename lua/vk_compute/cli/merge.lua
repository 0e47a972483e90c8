--- vulkan-compute merge.
-- @module vk_compute.cli.merge

local cache = require("vk_compute.cache")
local command = require("vk_compute.cli.command")
local options_of = require("vk_compute.cli.options")
local output = require("vk_compute.cli.output")
local printable = require("vk_compute.system.printable")
local stop = require("vk_compute.cli.stop")

local merge = {
  summary = "join the shards of a cache",
  description = "Joins SHARDs, which cache or neighbors made with --shard on whatever devices and machines, into CACHE:"
    .. " the same bytes as those of one run. Every row is compared with its checksum on the way. All that is missing,"
    .. " there twice, not finished, damaged or of something else is told at once, and nothing is written then.",
  epilog = "Exit codes: 0 done; 1 something is wrong with the shards; 2 the command failed, or was called wrongly; 130"
    .. " stopped with Ctrl-C.",
}

function merge.declare(parser)
  parser:argument("CACHE", "file to make")
  parser:argument("SHARD", "all shards, in any order"):args("+")
  options_of.force(parser, "CACHE")
  options_of.quiet(parser)
  options_of.json(parser)
end

function merge.main(options)
  stop.catch()
  local out = output.new(options)
  local result = cache.merge({
    path = options.CACHE, shards = options.SHARD, force = options.force, stop = stop.count,
    report = function(state) out:progress(state) end,
  })
  out:document(result)
  if result.outcome == "refused" then
    local lines = {}
    for k, problem in ipairs(result.problems) do lines[k] = "  " .. printable.line(problem) end
    command.fail_with(command.EXIT_NOT_WELL, ("%s was not written, since of its shards\n%s"):format(
      printable.line(options.CACHE), table.concat(lines, "\n")))
  end
  out:say(("%s: %s"):format(result.outcome, printable.line(options.CACHE)))
  out:say(("  rows         %.0f, of %d shards"):format(result.total, result.shards))
  out:say(("  seconds      %.2f"):format(result.seconds))
  out:say("  device       " .. printable.line(result.device))
  out:say("  fingerprint  " .. printable.line(result.fingerprint))
  return 0
end

return merge
