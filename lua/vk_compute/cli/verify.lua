--- vulkan-compute verify, and compute-diversity-cache.lua --verify.
-- @module vk_compute.cli.verify

local cache = require("vk_compute.cache")
local clock = require("vk_compute.system.clock")
local check = require("vk_compute.cli.check")
local command = require("vk_compute.cli.command")
local file_kind = require("vk_compute.cache.file_kind")
local files = require("vk_compute.system.files")
local input = require("vk_compute.cli.input")
local options_of = require("vk_compute.cli.options")
local output = require("vk_compute.cli.output")
local printable = require("vk_compute.system.printable")
local stop = require("vk_compute.cli.stop")
local twin = require("vk_compute.cache.twin")
local vk = require("vk_compute")

local verify = {
  summary = "verify a cache, and repair it",
  description = "Verifies CACHE against the EMBEDDINGS it was made from: checksums, every row, a"
    .. " sample of rows computed again. A cache that is not finished is verified as far as it goes.",
  epilog = "Exit codes: 0 all is right, or was put right; 1 damaged, or made from something else; 2 the command"
    .. " failed, or was called wrongly; 130 stopped with Ctrl-C.",
}

function verify.declare(parser)
  input.declare(parser)
  parser:argument("CACHE", "the file to verify")
  parser:flag("--center", "demand that it was made with --center")
  parser:option("--length", "demand so many ids a row"):argname("K"):convert(options_of.count)
  options_of.queries(parser, "the queries that it was made with")
  options_of.device(parser)
  parser:flag("--repair", "put right what is damaged")
  options_of.quiet(parser)
  options_of.json(parser)
end

local function outcome_of(result)
  if result.is_other then return "other" end
  if result.remaining then return result.remaining[1] and "damaged" or "repaired" end
  return result.problems[1] and "damaged" or "verified"
end

-- The outcome in words.
local function ending_of(result, outcome, is_repair)
  if outcome == "other" then return "it is not the cache of these embeddings with these options" end
  if outcome ~= "damaged" or is_repair then return outcome end
  return result.repairable and "damaged: --repair puts it right"
    or "damaged, and --repair does not put all of it right"
end

-- In release 0.1 the order was CACHE EMBEDDINGS. The files tell which is meant.
local function heed_former_order(options)
  local first, second = options.EMBEDDINGS, options.CACHE
  if file_kind.is_cache(first) and not file_kind.is_cache(second) then
    options.EMBEDDINGS, options.CACHE = second, first
    if options.quiet then return end
    io.stderr:write("note: the order is now EMBEDDINGS CACHE, as for the other commands\n")
  end
end

-- Verifies one file and says what came of it.
local function verify_file(options, path, kind, embeddings, out)
  local began = clock.monotonic()
  local ok, result = pcall(cache.verify, {
    vk = vk, kind = kind, path = path, embeddings = embeddings, length = options.length,
    centered = options.center or nil, device = options.device, repair = options.repair,
    report = function(phase, done, total, call)
      local shown = call and "calling" or phase == "computing" and "checking" or phase
      out:progress({ phase = shown, done = done, total = total, call = call, seconds = clock.monotonic() - began })
    end,
    opened = function(...) input.say_device(options, out, ...) end,
    stop = stop.count,
  })
  if not ok then
    local is_well = check.exit_code(cache.status(path)) == 0
    command.fail_with(is_well and command.EXIT_FAILED or command.EXIT_NOT_WELL, result)
  end
  local outcome = outcome_of(result)
  for _, problem in ipairs(result.problems) do out:say("PROBLEM: " .. printable.line(problem)) end
  for _, problem in ipairs(result.remaining or {}) do out:say("STILL A PROBLEM: " .. printable.line(problem)) end
  out:say(("%s: %.0f of %.0f rows, %.0f of them computed again and compared; %s"):format(
    printable.line(path), result.done, result.total, result.sampled, ending_of(result, outcome, options.repair)))
  result.outcome, result.path = outcome, path
  return result
end

local function is_well(result)
  return not result or result.outcome ~= "damaged" and result.outcome ~= "other"
end

-- kind: what the cache must be of, where given.
function verify.main(options, kind)
  stop.catch()
  heed_former_order(options)
  input.check(options, "EMBEDDINGS CACHE")
  local out = output.new(options)
  local embeddings = input.read(options, out)
  input.read_queries(options, embeddings, out)
  local result = verify_file(options, options.CACHE, kind, embeddings, out)
  -- Similarities are verified with the neighbours they are of.
  local twin_path = twin.path(options.CACHE)
  if result.kind == "neighbors" and (files.stat(twin_path) or file_kind.is_cache(twin_path)) then
    result.similarities = verify_file(options, twin_path, "similarities", embeddings, out)
  end
  out:document(result)
  return is_well(result) and is_well(result.similarities) and 0 or command.EXIT_NOT_WELL
end

return verify
