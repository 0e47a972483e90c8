--- vulkan-compute explore.
-- @module vk_compute.cli.explore

local clock = require("vk_compute.system.clock")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local gather = require("vk_compute.explore.gather")
local input = require("vk_compute.cli.input")
local lists = require("vk_compute.explore.lists")
local new_items = require("vk_compute.formats.items").new
local options_of = require("vk_compute.cli.options")
local output = require("vk_compute.cli.output")
local page = require("vk_compute.explore.page")
local page_size = require("vk_compute.explore.page_size")
local printable = require("vk_compute.system.printable")
local stop = require("vk_compute.cli.stop")
local target = require("vk_compute.cache.target")
local vk = require("vk_compute")

local explore = {
  summary = "make a page to look at walks, neighbours and texts",
  description = "Writes one HTML file that shows the items of EMBEDDINGS and their texts: what is like each and what"
    .. " is far from it, by several orders, centred or not; the figures of the command report as pictures;"
    .. " near-duplicates; how cosines are spread. It opens in any current browser, from disk or from a web server,"
    .. " without any request to anywhere.",
  epilog = ("Each list has %d items, or, of more than about 20,000 items, fewer: then the page says so, which is to be"
    .. " no larger than %.0f MB. Of more than about 100,000 there is no page.\n"):format(page_size.DEFAULT_PICKS,
    page_size.MOST_BYTES / 1e6)
    .. "Exit codes: 0 done; 2 failed, refused or called wrongly; 130 stopped with Ctrl-C: then nothing is written.",
}

function explore.declare(parser)
  input.declare(parser)
  parser:option("--texts", 'the items\' texts: {"id": .., "text": ..} or {"text": ..} a line, or a text a line; by ids'
    .. " where both files have them, else in the order of EMBEDDINGS"):argname("FILE")
  parser:option("--groups", 'what each item belongs to, such as its book: {"id": .., "group": ..} or {"group": ..} a'
    .. " line, or a group a line"):argname("FILE")
  parser:option("--cache", "walks or neighbours of EMBEDDINGS that are there already: shown, too, and not computed"
    .. " again. May be given several times"):argname("CACHE"):count("*")
  parser:option("--picks", ("items of each list, 1 to %d (default: %d, or fewer where there are very many items)")
    :format(page_size.MOST_PICKS, page_size.DEFAULT_PICKS)):argname("K"):convert(options_of.count)
  parser:option("-o --output", "the page to make, such as explore.html"):argname("PAGE"):count(1)
  options_of.device(parser)
  options_of.force(parser, "PAGE")
  options_of.quiet(parser)
  options_of.json(parser)
end

-- Raises where one of some strings, of each item one, is no UTF-8.
local function check_utf8(strings, what, path)
  for k, text in ipairs(strings or {}) do
    if printable.utf8(text) ~= text then
      fail("%s: the %s of the item with index %.0f is not UTF-8: %s. Convert the file, as with iconv -f LATIN1"
        .. " -t UTF-8", path, what, k - 1, printable.line(text):sub(1, 60))
    end
  end
end

local function read_items(options, embeddings, out)
  local items = new_items(embeddings, options.texts, options.groups,
    input.reading(options.texts or options.groups, options, out))
  check_utf8(items.texts, "text", options.texts)
  check_utf8(items.groups, "group", options.groups)
  check_utf8(items.ids, "id", options.texts or options.EMBEDDINGS)
  local doubled = items:doubled_ids()
  if doubled[1] then
    out:notice(("note: %d ids are those of several items, such as %s: addresses of the page name these by their index,"
      .. " from 0. Give each item an id of its own"):format(#doubled, doubled[1]))
  end
  return items
end

-- Functions that gather.all and page.write tell how far they are; what the device is at in a long call is told, too.
local function new_progress(options, out, context)
  local device, began, current = context:device_info().name, clock.monotonic(), nil
  local function heed_stop()
    if stop.count() > 0 then fail("stopped: %s was not written", options.output) end
  end
  context:set_progress(function(phase, done, total)
    heed_stop()
    out:progress({
      phase = "step", step = current, call = { phase = phase, done = done, total = total }, device = device,
      seconds = clock.monotonic() - began,
    })
  end)
  return function(done, total, step)
    heed_stop()
    current = step
    out:progress({ phase = "step", step = step, done = done, total = total })
  end, function(done, total)
    heed_stop()
    out:progress({ phase = "writing", done = done, total = total })
  end
end

local function write(options, out, most_bytes)
  local began = clock.monotonic()
  local embeddings = input.read(options, out)
  if embeddings.n < 2 then fail("%s holds one embedding: there is nothing to compare it with", options.EMBEDDINGS) end
  local items = read_items(options, embeddings, out)
  local before, after = page.template()
  local described = page.describe_items({ names = items.ids, texts = items.texts, groups = items.groups })
  local all = lists.choose(options.cache, embeddings)
  local picks, note = page_size.choose({
    n = embeddings.n, lists = all, asked = options.picks, other_bytes = #before + #after + #described,
    most_bytes = most_bytes,
  })
  if note then out:notice("note: " .. note) end
  local context = input.upload(options, embeddings)
  local progress, writing_progress = new_progress(options, out, context)
  local facts, arrays = gather.all({
    context = context, embeddings = embeddings, lists = all, picks = picks, progress = progress,
  })
  facts.n, facts.d, facts.picks, facts.notes = embeddings.n, embeddings.d, picks, { note }
  facts.source = printable.utf8(options.EMBEDDINGS:match("[^/]*$"))
  facts.device, facts.version, facts.definition = context:device_info().name, vk.version(), vk.definition_version()
  context:shutdown()
  page.write(options.output, { facts = facts, arrays = arrays, items = described, progress = writing_progress })
  local seconds, bytes = clock.monotonic() - began, files.stat(options.output).st_size
  out:say("finished: " .. printable.line(options.output))
  out:say(("  items        %.0f, lists of %.0f"):format(embeddings.n, picks))
  out:say(("  size         %.2f MB"):format(bytes / 1e6))
  out:say(("  seconds      %.2f"):format(seconds))
  out:say("  device       " .. facts.device)
  out:document({
    path = options.output, input = embeddings.description, n = embeddings.n, d = embeddings.d, picks = picks,
    lists = #all, bytes = bytes, seconds = seconds, device = facts.device,
  })
end

--- Makes the page.
-- @tparam table options as parsed
-- @tparam[opt] number most_bytes what the page may take
function explore.main(options, most_bytes)
  stop.catch()
  local out = output.new(options)
  input.check(options)
  page.template()
  local inputs = { options.EMBEDDINGS, options.texts, options.groups }
  if not options.texts then inputs[2] = options.groups end
  page.check_path(options.output, inputs, options.force)
  target.locked_file(options.output, function()
    write(options, out, most_bytes or page_size.MOST_BYTES)
  end)
  return 0
end

return explore
