--- Judges the picks of walks, or lists of neighbours: how far from their start they are, how alike, how often each
-- item is picked; each beside the same of random picks.
-- @module vk_compute.report.picks

local ffi = require("ffi")
local advice = require("vk_compute.report.advice")
local new_random_picks = require("vk_compute.report.random_picks")
local ranks = require("vk_compute.report.ranks")
local similarity_rows = require("vk_compute.report.rows")
local tally = require("vk_compute.report.tally")

local picks = {}

-- Pairs that are worth a call of the library.
local PAIRS_AT_ONCE = 1e5

-- Gathers the pairs among the picks of rows, so that one call of the library computes those of many.
-- Gives functions add(tally, ids) and flush().
local function new_pair_batch(context, count)
  local of_row = count * (count - 1) / 2
  local most = math.max(1, math.floor(PAIRS_AT_ONCE / math.max(of_row, 1)))
  local tallies, first, second = {}, {}, {}
  local function flush()
    if not first[1] then return end
    local cosines = context:compute_pair_similarities(first, second, { as = "view" })
    for i, of in ipairs(tallies) do of:add_pairs(cosines.data + (i - 1) * of_row, of_row) end
    tallies, first, second = {}, {}, {}
  end
  local function add(of, ids)
    tallies[#tallies + 1] = of
    for a = 0, count - 2 do
      for b = a + 1, count - 1 do
        first[#first + 1], second[#second + 1] = ids[a], ids[b]
      end
    end
    if #tallies == most then flush() end
  end
  return add, flush
end

--- Judges rows. Of all of them the picks are counted; where `sample` is below n, ranks and cosines are those of so
-- many rows, evenly spread: rows floor(i n / sample).
-- @tparam table o
--
-- - `context`: with the embeddings, by whose cosines is judged
-- - `n`: items, and so rows
-- - `count`: picks of each row, at least 1
-- - `picks_of`: function (start) -> the first count picks of that row: something to index from 0, valid until the
--   next call
-- - `sample`: rows to be judged, 1 to n
-- - `centered`: whether the picks were computed of centred embeddings; `lambda`: of their order, nil where it has none
-- - `progress`: function (done, total), called after each row; what it raises ends the judging
-- @treturn table `picks_per_row`, `rows` (n), `judged_rows`; `picks` and `random`: figures, see tally.lua; `advice`:
-- a sentence
function picks.judge(o)
  local n, count = o.n, o.count
  local own, random = tally.new(n, count), tally.new(n, count)
  local draw, drawn = new_random_picks(n), ffi.new("uint32_t[?]", count)
  local rank, ranked = ranks.new(n, count), ffi.new("double[?]", count)
  local row_of = (o.sample == n and similarity_rows.of_all or similarity_rows.of_few)(o.context, n)
  local add_pairs, flush_pairs = new_pair_batch(o.context, count)
  local judged = 0
  for start = 0, n - 1 do
    local ids = o.picks_of(start)
    draw(start, drawn, count)
    own:add_picks(ids)
    random:add_picks(drawn)
    if start == math.floor(judged * n / o.sample) then
      judged = judged + 1
      local row = row_of(start)
      rank(ids, count, start, row.data, ranked)
      own:add_ranks(ranked)
      rank(drawn, count, start, row.data, ranked)
      random:add_ranks(ranked)
      add_pairs(own, ids)
      add_pairs(random, drawn)
    end
    o.progress(start + 1, n)
  end
  flush_pairs()
  local result = {
    picks_per_row = count, rows = n, judged_rows = o.sample, picks = own:figures(), random = random:figures(),
  }
  result.advice = advice.on_picks(result.picks, result.random, {
    centered = o.centered, lambda = o.lambda, all_picked = count == n - 1,
  })
  return result
end

return picks
