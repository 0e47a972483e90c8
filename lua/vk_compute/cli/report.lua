--- vulkan-compute report.
-- @module vk_compute.cli.report

local cache = require("vk_compute.cache")
local collection = require("vk_compute.report.collection")
local command = require("vk_compute.cli.command")
local fail = require("vk_compute.system.fail")
local identity = require("vk_compute.cache.identity")
local input = require("vk_compute.cli.input")
local kinds = require("vk_compute.cache.kinds")
local options_of = require("vk_compute.cli.options")
local output = require("vk_compute.cli.output")
local picks = require("vk_compute.report.picks")
local printable = require("vk_compute.system.printable")
local stop = require("vk_compute.cli.stop")
local twin = require("vk_compute.cache.twin")

local DEFAULT_PICKS = 10
-- Up to so many rows all are judged where nothing else is said, of more a sample.
local MOST_JUDGED, DEFAULT_SAMPLE = 10000, 1000
local DEFAULT_THRESHOLD = 0.95
local SHOWN_GROUPS, SHOWN_ZERO_ROWS = 3, 10

local report = {
  summary = "judge walks or neighbours, or describe embeddings",
  description = "Judges the rows of CACHE, walks or neighbours of EMBEDDINGS: how far from its start each pick is, how"
    .. " alike the picks of a row are, how often each item is picked; beside the same figures of random picks, with"
    .. " one sentence of advice. Without CACHE: what there is to say of EMBEDDINGS alone, norms, duplicates, whether"
    .. " centring is advised.",
  epilog = "The rank of a pick is the place of its cosine to the start among those of all other items: 0 the farthest,"
    .. " 100 the nearest; where several are equal each has the mean of their ranks. Ranks below 10 are the farthest"
    .. " tenth, above 90 the nearest. Cosines are those of the embeddings as they are, also where CACHE was made with"
    .. " --center, so that caches made either way are measured alike; --center judges by centred ones.\n"
    .. "Exit codes: 0 done; 2 failed, refused or called wrongly; 130 stopped with Ctrl-C.",
}

local function cosine_below_one(text)
  local number = tonumber(text)
  if number and number >= 0 and number < 1 then return number end
  return nil, ("'%s' is not a number from 0 to below 1"):format(text)
end

function report.declare(parser)
  input.declare(parser)
  parser:argument("CACHE", "walks or neighbours to judge"):args("?")
  parser:option("--picks", ("judge the first so many picks of each row (default: %d, or all where there are fewer)")
    :format(DEFAULT_PICKS)):argname("K"):convert(options_of.count)
  parser:option("--sample", ("judge so many rows, evenly spread (default: all up to %d, of more %d)")
    :format(MOST_JUDGED, DEFAULT_SAMPLE)):argname("ROWS"):convert(options_of.count)
  parser:flag("--center", "judge by cosines of centred embeddings")
  parser:option("--near", ("without CACHE: near-duplicates have a cosine above this (default: %s)")
    :format(DEFAULT_THRESHOLD)):argname("COSINE"):convert(cosine_below_one)
  options_of.device(parser)
  options_of.quiet(parser)
  options_of.json(parser)
end

local function percent(share) return ("%.1f %%"):format(100 * share) end

local function list_text(ids, total)
  return table.concat(ids, ", ") .. (total > #ids and ", ..." or "")
end

-- ---- Picks -------------------------------------------------------------------------------------

local function say_ranks(out, result)
  local own, random = result.picks, result.random
  local line = "  %-8s %6s %8s   %9s %8s   %9s %8s"
  out:result("how near to the start (rank 0: the farthest, 100: the nearest)")
  out:result(line:format("pick", "rank", "(random)", "farthest", "(random)", "nearest", "(random)"))
  out:result(line:format("", "", "", "tenth", "", "tenth", ""))
  local function say(name, of_own, of_random)
    out:result(line:format(name, ("%.1f"):format(of_own.mean_rank), ("%.1f"):format(of_random.mean_rank),
      percent(of_own.farthest_tenth), percent(of_random.farthest_tenth),
      percent(of_own.nearest_tenth), percent(of_random.nearest_tenth)))
  end
  for k, of_pick in ipairs(own.by_pick) do say(k, of_pick, random.by_pick[k]) end
  say("all", own, random)
end

local function say_beside(out, name, own, random)
  out:result(("  %-28s %10s %10s"):format(name, own, random))
end

local function say_pairs(out, result)
  local own, random = result.picks, result.random
  if not own.pairs then return end
  out:result(("how alike the picks of a row are, %.0f pairs"):format(own.pairs))
  say_beside(out, "", "", "(random)")
  say_beside(out, "mean cosine", ("%.3f"):format(own.mean_cosine), ("%.3f"):format(random.mean_cosine))
  say_beside(out, "greatest cosine", ("%.3f"):format(own.greatest_cosine), ("%.3f"):format(random.greatest_cosine))
  say_beside(out, "pairs above 0.8", own.pairs_above_0_8, random.pairs_above_0_8)
  say_beside(out, "pairs above 0.9", own.pairs_above_0_9, random.pairs_above_0_9)
  say_beside(out, "rows with a pair above 0.9", percent(own.rows_with_pair_above_0_9),
    percent(random.rows_with_pair_above_0_9))
end

local function say_items(out, result)
  local own, random = result.picks, result.random
  out:result(("how often items are picked, of all %.0f rows"):format(result.rows))
  say_beside(out, "", "", "(random)")
  say_beside(out, "distinct items", own.distinct_items, random.distinct_items)
  say_beside(out, "items never picked", own.unpicked_items, random.unpicked_items)
  say_beside(out, "rows with the most frequent", percent(own.most_frequent_share), percent(random.most_frequent_share))
  out:result(("  the most frequent is item %.0f, in %.0f rows"):format(own.most_frequent_item, own.most_frequent_rows))
end

-- Opens the cache and gives a function (start) -> its picks, and how many of each row are judged.
local function open_picks(options, embeddings)
  local opened = cache.load(options.CACHE, { embeddings = embeddings })
  local kind = kinds[opened.kind]
  local first = kind.first_pick
  if not first then
    local ids = twin.ids_path(options.CACHE)
    fail("%s holds %s, not ids: name the cache of those%s", options.CACHE, kind.rows, ids and ", " .. ids or "")
  end
  local there = opened.length - first
  if there == 0 then fail("%s has nothing but the starts: there are no picks to judge", options.CACHE) end
  if options.picks and options.picks > there then
    fail("--picks %.0f is more than the %.0f picks in a row of %s", options.picks, there, options.CACHE)
  end
  local row
  return opened, options.picks or math.min(DEFAULT_PICKS, there), function(start)
    row = opened:row(start, { as = "view" })
    return row.data + first
  end
end

local function judge(options, embeddings, out, progress)
  local opened, count, picks_of = open_picks(options, embeddings)
  local n = embeddings.n
  local sample = options.sample and math.min(options.sample, n) or n <= MOST_JUDGED and n or DEFAULT_SAMPLE
  local context = input.upload(options, embeddings)
  local result = picks.judge({
    context = context, n = n, count = count, picks_of = picks_of, sample = sample, centered = opened.centered,
    lambda = opened.lambda, progress = progress,
  })
  out:result(("%s: %s of %s"):format(printable.line(options.CACHE), kinds[opened.kind].rows,
    identity.description(opened)))
  out:result(("judged: picks 1 to %.0f of %s; by cosines of %s embeddings"):format(count,
    sample == n and ("all %.0f rows"):format(n) or ("%.0f of %.0f rows, evenly spread"):format(sample, n),
    options.center and "centred" or "the uncentred"))
  say_ranks(out, result)
  say_pairs(out, result)
  say_items(out, result)
  out:result("advice: " .. result.advice)
  result.path, result.kind, result.centered = options.CACHE, opened.kind, opened.centered
  result.order, result.lambda = opened.kind == "diversity" and opened.order or nil, opened.lambda
  result.judged_by_centered_cosines = options.center or false
  result.input, result.device = embeddings.description, context:device_info().name
  out:document(result)
  context:shutdown()
end

-- ---- Embeddings --------------------------------------------------------------------------------

local function say_groups(out, name, groups)
  if groups.groups == 0 then return out:result(("  %-22s none"):format(name)) end
  out:result(("  %-22s %.0f items in %.0f groups, the largest of %.0f"):format(name, groups.items, groups.groups,
    groups.largest_group))
  for k = 1, math.min(SHOWN_GROUPS, groups.groups) do
    local group = groups.first_groups[k]
    out:result(("  %-22s %s"):format("", list_text(group.ids, group.items)))
  end
end

local function say_collection(out, result)
  local function say(name, format, ...) out:result(("  %-22s " .. format):format(name, ...)) end
  say("items", "%.0f of dimension %.0f", result.n, result.d)
  local zero = #result.zero_rows
  say("zero rows", "%.0f%s", zero,
    zero > 0 and ": " .. list_text({ unpack(result.zero_rows, 1, SHOWN_ZERO_ROWS) }, zero) or "")
  local norms = result.norms
  if norms then
    say("norms", "%.6g to %.6g, mean %.6g, standard deviation %.3g", norms.least, norms.greatest, norms.mean,
      norms.standard_deviation)
    say("", result.weighted and "they differ: items with larger ones count more in centroid walks"
      or "they are equal: all items count alike")
  end
  say_groups(out, "exact duplicates", result.duplicates)
  say_groups(out, ("cosine above %s"):format(result.near_duplicates.threshold), result.near_duplicates)
  say("mean unit vector", "length %.3f (0: directions even out, 1: all the same)", result.mean_unit_vector_length)
  out:result("advice: " .. result.advice)
end

local function describe(options, embeddings, out, progress)
  local context = input.upload(options, embeddings)
  local result = collection.describe({
    embeddings = embeddings, context = context, threshold = options.near or DEFAULT_THRESHOLD, progress = progress,
  })
  say_collection(out, result)
  result.input, result.device = embeddings.description, context:device_info().name
  out:document(result)
  context:shutdown()
end

-- ---- Both --------------------------------------------------------------------------------------

-- Raises where an option does not go with what is reported on.
local function check_use(options)
  local misplaced
  if options.CACHE then
    misplaced = options.near and "--near goes without CACHE"
  else
    misplaced = options.picks and "--picks goes with CACHE" or options.sample and "--sample goes with CACHE"
      or options.center and "--center goes with CACHE"
  end
  if misplaced then command.refuse_use(misplaced) end
end

function report.main(options)
  check_use(options)
  stop.catch()
  input.check(options, "EMBEDDINGS CACHE")
  local out = output.new(options)
  local embeddings = input.read(options, out)
  local do_it = options.CACHE and judge or describe
  do_it(options, embeddings, out, function(done, total)
    if stop.count() > 0 then fail("stopped: nothing is reported") end
    out:progress({ phase = "computing", done = done, total = total })
  end)
  return 0
end

return report
