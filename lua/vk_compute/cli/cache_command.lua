--- The command that computes a cache of some kind: a file of rows that goes on where it was stopped.
-- @module vk_compute.cli.cache_command

local cache = require("vk_compute.cache")
local check = require("vk_compute.cli.check")
local command = require("vk_compute.cli.command")
local fail = require("vk_compute.system.fail")
local file_kind = require("vk_compute.cache.file_kind")
local kinds = require("vk_compute.cache.kinds")
local input = require("vk_compute.cli.input")
local options_of = require("vk_compute.cli.options")
local plan_text = require("vk_compute.ffi.plan_text")
local output = require("vk_compute.cli.output")
local printable = require("vk_compute.system.printable")
local messages = require("vk_compute.cli.messages")
local stop = require("vk_compute.cli.stop")
local twin = require("vk_compute.cache.twin")
local verify = require("vk_compute.cli.verify")
local vk = require("vk_compute")

local function declare(parser, kind, texts)
  input.declare(parser)
  parser:argument("CACHE", "file to make, such as " .. kinds[kind].example):args(texts.is_cache_optional and "?" or 1)
  options_of.center(parser)
  if texts.has_orders then options_of.order(parser) end
  if texts.has_similarities then
    parser:flag("--similarities", "write their similarities, too: float32 of the same shape, beside CACHE, such as "
      .. kinds.similarities.example)
  end
  if texts.query_kind then
    options_of.queries(parser, "find the nearest items of these queries: row q is of query q")
  end
  options_of.device(parser)
  options_of.devices(parser)
  options_of.shard(parser)
  parser:option(kinds[kind].option, texts.length):argname("K"):target("length")
    :convert(options_of.count)
  parser:option("--batch", "bring to disk after at most so many rows (default: about half a second's)")
    :argname("ROWS"):convert(options_of.count)
  parser:flag("--force", "start over, whatever is there; never over EMBEDDINGS, nor over a link, pipe or device")
  -- What check and verify do. Scripts made for earlier releases use these.
  for _, alias in ipairs({ "--status", "--verify", "--repair" }) do parser:flag(alias):hidden(true) end
  options_of.quiet(parser)
  options_of.json(parser)
end

local function tell_stopped(options, result)
  -- Even where it is to be quiet: the work is not done.
  output.new({ json = options.json }):note(
    ("stopped: %.0f of %.0f rows are kept. To go on, run the same command again"):format(result.done,
      result.total))
end

local function tell_finished(out, path, result)
  out:say(("%s: %s"):format(result.outcome, printable.line(path)))
  out:say(("  rows         %.0f: %.0f computed now, %.0f kept from earlier"):format(result.total,
    result.computed, result.kept))
  out:say(("  seconds      %.2f"):format(result.seconds))
  if result.computed > 0 then
    out:say(("  rows/second  %.1f"):format(result.computed / result.seconds))
  end
  out:say("  device       " .. printable.line(result.device))
  out:say("  fingerprint  " .. printable.line(result.fingerprint))
end

-- Computes one file and says what came of it.
local function compute_file(file, options, embeddings, out)
  local result = cache.compute({
    vk = vk, kind = file.kind, path = file.path, embeddings = embeddings,
    length = options.length, centered = options.center, order = options.order, lambda = options.lambda,
    device = options.device, devices = options.devices, shard = options.shard, force = options.force,
    batch = options.batch,
    report = function(state) out:progress(state) end,
    opened = function(...) input.say_device(options, out, ...) end,
    plan = function(plan) out:note(plan_text(plan)) end,
    notice = function(text) out:notice(text) end,
    stop = stop.count,
  })
  if result.outcome == "stopped" then tell_stopped(options, result) else tell_finished(out, file.path, result) end
  result.path = file.path
  return result
end

local function compute(kind, options)
  stop.catch()
  input.check(options, "EMBEDDINGS CACHE")
  local files = { { kind = kind, path = options.CACHE } }
  if options.similarities then files[2] = { kind = "similarities", path = twin.path(options.CACHE) } end
  for _, file in ipairs(files) do
    cache.check_path(file.path, kinds[file.kind], { options.EMBEDDINGS, options.queries }, options.force)
  end
  if options.CACHE:lower():find("%.jsonl?$") and not file_kind.is_cache(options.CACHE) then
    fail("%s: a cache is a .npy file: name it such, as %s. For JSON then: vulkan-compute export %s %s", options.CACHE,
      kinds[kind].example, kinds[kind].example, printable.shell_word(options.CACHE))
  end
  local out = output.new(options)
  local embeddings = input.read(options, out)
  input.read_queries(options, embeddings, out)
  local result = compute_file(files[1], options, embeddings, out)
  local last = result
  if files[2] and result.outcome ~= "stopped" then
    last = compute_file(files[2], options, embeddings, out)
    result.similarities = last
  end
  result.input, result.notices = embeddings.description, out.notices
  out:document(result)
  return last.outcome == "stopped" and stop.exit_code() or 0
end

local function print_status(options)
  local out = output.new(options)
  local status = cache.status(options.CACHE)
  out:say(table.concat(messages.status(status), "\n"))
  out:document(status)
  return check.exit_code(status)
end

local function main(kind, texts, options)
  if options.device and options.devices then command.refuse_use("give --device or --devices, not both") end
  if options.repair and not options.verify then command.refuse_use("--repair goes with --verify") end
  options_of.check_order(options)
  if options.queries and options.similarities then
    command.refuse_use("--similarities are of the neighbours of items, and go without --queries")
  end
  if options.queries then kind = texts.query_kind end
  if options.status then return print_status(options) end
  if options.verify then return verify.main(options, kind) end
  return compute(kind, options)
end

--- Makes such a command.
-- @tparam string kind of cache: a name in kinds.lua
-- @tparam table texts `summary`; `description` of the rows; `length`, what the number of ids in a row means;
-- `has_orders`, whether rows may be in one of several orders; `is_cache_optional`;
-- `has_similarities`, whether a twin may be asked for; `query_kind`, the kind of cache for queries, where the
-- command takes some
-- @treturn table a command as cli.lua takes it
return function(kind, texts)
  return {
    summary = texts.summary,
    description = texts.description .. " Ids and rows count from 0. A run that was interrupted, by Ctrl-C,"
      .. " a crash or a loss of power, goes on where it was when the same command is given again. CACHE.json, beside"
      .. " it, says what it was made from. Until all is done the rows are in CACHE.partial, and CACHE.journal tells"
      .. " which. Files that are there and belong to no cache are replaced only with --force.",
    epilog = "Exit codes: 0 done; 2 failed, refused or called wrongly; 130 stopped with Ctrl-C: then the same"
      .. " command goes on.",
    declare = function(parser) declare(parser, kind, texts) end,
    main = function(options) return main(kind, texts, options) end,
  }
end
