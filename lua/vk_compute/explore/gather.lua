--- Everything that an explorer page shows, computed once: lists with cosines and ranks, the figures of a report,
-- near-duplicates, how cosines are spread.
-- @module vk_compute.explore.gather

local ffi = require("ffi")
local advice = require("vk_compute.report.advice")
local collection = require("vk_compute.report.collection")
local lists = require("vk_compute.explore.lists")
local near_pairs = require("vk_compute.report.near_pairs")
local new_pick_pairs = require("vk_compute.explore.pick_pairs").new
local new_random_picks = require("vk_compute.report.random_picks")
local ranks = require("vk_compute.report.ranks")
local similarity_rows = require("vk_compute.report.rows")
local tally = require("vk_compute.report.tally")

local gather = {}

-- Cosines are given in thousandths and ranks in tenths: as commands print them.
local THOUSANDTHS, TENTHS = 1000, 10
local BINS = 100  -- of a histogram, from -1 to 1
local DUPLICATES_ABOVE = 0.95
local NEAR_FLOOR = 0.8

-- To the nearest integer, halves away from zero, as LuaJIT prints numbers. (A float32 times a thousand is exact.)
local function rounded(value)
  return value < 0 and -math.floor(0.5 - value) or math.floor(value + 0.5)
end

local function tenths(rank) return TENTHS * tonumber(("%.1f"):format(rank)) end

-- Counts the cosines of an item to those of lower ids.
local function count_cosines(bins, item, row)
  for other = 0, item - 1 do
    local bin = math.min(BINS - 1, math.floor((row[other] + 1) * (BINS / 2)))
    bins[bin] = bins[bin] + 1
  end
end

local function to_list(data, count)
  local list = {}
  for k = 1, count do list[k] = tonumber(data[k - 1]) end
  return list
end

-- Begins a step: a function that tells how far it is.
local function begin(o, step)
  o.progress(0, o.embeddings.n, step)
  return function(done, total) o.progress(done, total, step) end
end

-- Uploads anew; computes the lists that want it so. Walks come first: they leave the similarity matrix on the device,
-- from which neighbours, and what some rows of caches are compared with, are quickly had.
local function compute_lists(o, centered, found)
  local how = centered and "centred" or "not centred"
  begin(o, "embeddings, " .. how)
  o.context:upload_embeddings(o.embeddings.data, o.embeddings.n, o.embeddings.d, { center = centered })
  for _, are_walks in ipairs({ true, false }) do
    for k, list in ipairs(o.lists) do
      if list.centered == centered and (list.kind == "diversity" and not list.cache) == are_walks then
        local step = ("list %d of %d, %s, %s"):format(k, #o.lists,
          list.order and ("order " .. list.order) or "neighbours", how)
        found[k] = lists.ids_of(o.context, list, o.embeddings.n, o.picks, begin(o, step))
      end
    end
  end
end

local function histogram(o)
  local n, progress = o.embeddings.n, begin(o, "all pairs, centred")
  local bins, row_of = ffi.new("double[?]", BINS), similarity_rows.of_all(o.context, n)
  for item = 0, n - 1 do
    count_cosines(bins, item, row_of(item).data)
    progress(item + 1, n)
  end
  return to_list(bins, BINS)
end

-- The random picks of every item.
local function draw_all(n, picks)
  local ids, draw = ffi.new("uint32_t[?]", n * picks), new_random_picks(n)
  for item = 0, n - 1 do draw(item, ids + item * picks, picks) end
  return ids
end

-- One pass over the similarity matrix: what it tells of each list, the last of which is random picks, and of all pairs.
local function read_rows(o, found, pairs_of_picks, result)
  local n, picks, count, progress = o.embeddings.n, o.picks, #found - 1, begin(o, "all pairs, not centred")
  local bins, near = ffi.new("double[?]", BINS), near_pairs.new(n, NEAR_FLOOR)
  local row_of = similarity_rows.of_all(o.context, n)
  -- All lists of an item, and its random picks, are ranked together.
  local together = (count + 1) * picks
  local ids, ranked = ffi.new("uint32_t[?]", together), ffi.new("double[?]", together)
  local rank = ranks.new(n, together)
  for item = 0, n - 1 do
    local row = row_of(item)
    for l = 0, count do ffi.copy(ids + l * picks, found[l + 1] + item * picks, 4 * picks) end
    rank(ids, together, item, row.data, ranked)
    for l = 0, count do
      local own = result.tallies[l + 1]
      own:add_picks(ids + l * picks)
      own:add_ranks(ranked + l * picks)
    end
    for l = 0, count - 1 do
      local place = (l * n + item) * picks
      for k = 0, picks - 1 do
        result.cosines[place + k] = rounded(THOUSANDTHS * row.data[ids[l * picks + k]])
        result.ranks[place + k] = tenths(ranked[l * picks + k])
      end
    end
    count_cosines(bins, item, row.data)
    near:add(item, row.data)
    pairs_of_picks:add(item, row.data)
    progress(item + 1, n)
  end
  result.near = near
  return to_list(bins, BINS)
end

-- What the pairs of picks tell of each list, and of random picks.
local function judge_pairs(o, pairs_of_picks, tallies, into)
  local n, of_row = o.embeddings.n, pairs_of_picks.of_row
  if of_row == 0 then return end
  for l, own in ipairs(tallies) do
    local cosines, progress = pairs_of_picks:of_list(l), begin(o, ("pairs of list %d of %d"):format(l, #tallies))
    for item = 0, n - 1 do
      local first = item * of_row
      own:add_pairs(cosines + first, of_row)
      if l <= #o.lists then
        for k = first, first + of_row - 1 do into[(l - 1) * n * of_row + k] = rounded(THOUSANDTHS * cosines[k]) end
      end
      progress(item + 1, n)
    end
  end
end

local function describe_lists(o, result)
  local n = o.embeddings.n
  local times = ffi.new("uint32_t[?]", #o.lists * n)
  local random = result.tallies[#o.lists + 1]:figures()
  local described = {}
  for l, list in ipairs(o.lists) do
    local figures = result.tallies[l]:figures()
    ffi.copy(times + (l - 1) * n, result.tallies[l].times, 4 * n)
    described[l] = {
      kind = list.kind, order = list.order, lambda = list.lambda, centered = list.centered,
      from_cache = list.cache ~= nil, figures = figures, advice = advice.on_picks(figures, random, {
        centered = list.centered, lambda = list.lambda, all_picked = o.picks == n - 1,
      }),
    }
  end
  return described, random, times
end

--- Computes it all.
-- @tparam table o
--
-- - `context`, an open device; `embeddings`: `data`, `n`, `d`
-- - `lists`: as from lists.choose; `picks`: how many of each, 1 to n - 1
-- - `progress`: function (done, total, step), called now and then; what it raises ends the work
-- @treturn table figures, for JSON
--
-- - `lists`: each `kind`, `order`, `lambda`, `centered`, `from_cache`, `figures` and `advice`, see the report;
--   `random`: the figures of random picks
-- - `collection`: as from collection.describe
-- - `histogram`: `uncentered`, `centered`: how many pairs have a cosine in each of 100 equal steps from -1 to 1
-- - `near_floor`: near-duplicates are told of cosines above it
-- @treturn table FFI arrays, each `data`, `count`: `ids` (lists x n x picks), `cosines` (the same, int16 thousandths),
-- `ranks` (uint16 tenths), `pairs` (lists x n x picks (picks - 1) / 2, int16 thousandths), `times` (lists x n),
-- `near_first`, `near_second`, `near_cosine`: the forest of near_pairs.lua
function gather.all(o)
  local n, picks, count = o.embeddings.n, o.picks, #o.lists
  local of_row = picks * (picks - 1) / 2
  local found, spread = {}, {}
  compute_lists(o, true, found)
  spread.centered = histogram(o)
  compute_lists(o, false, found)

  local result = {
    cosines = ffi.new("int16_t[?]", count * n * picks), ranks = ffi.new("uint16_t[?]", count * n * picks), tallies = {},
  }
  for l = 1, count + 1 do result.tallies[l] = tally.new(n, picks) end
  found[count + 1] = draw_all(n, picks)
  local pairs_of_picks = new_pick_pairs(found, n, picks)
  spread.uncentered = read_rows(o, found, pairs_of_picks, result)
  local pair_cosines = ffi.new("int16_t[?]", count * n * of_row)
  judge_pairs(o, pairs_of_picks, result.tallies, pair_cosines)

  local ids = ffi.new("uint32_t[?]", count * n * picks)
  for l = 1, count do ffi.copy(ids + (l - 1) * n * picks, found[l], 4 * n * picks) end
  local forest, edges = result.near:forest()
  local near_first, near_second = ffi.new("uint32_t[?]", edges), ffi.new("uint32_t[?]", edges)
  local near_cosine = ffi.new("float[?]", edges)
  for k = 0, edges - 1 do
    near_first[k], near_second[k], near_cosine[k] = forest[k].first, forest[k].second, forest[k].cosine
  end
  local described, random, times = describe_lists(o, result)
  return {
    lists = described, random = random, histogram = spread, near_floor = result.near.floor,
    collection = collection.describe({
      embeddings = o.embeddings, context = o.context, threshold = DUPLICATES_ABOVE,
      progress = begin(o, "the collection"),
    }),
  }, {
    ids = { data = ids, count = count * n * picks },
    cosines = { data = result.cosines, count = count * n * picks },
    ranks = { data = result.ranks, count = count * n * picks },
    pairs = { data = pair_cosines, count = count * n * of_row },
    times = { data = times, count = count * n },
    near_first = { data = near_first, count = edges },
    near_second = { data = near_second, count = edges },
    near_cosine = { data = near_cosine, count = edges },
  }
end

return gather
