--- What is counted of one kind of picks, those of a cache or random ones, and the figures that come of it.
-- @module vk_compute.report.tally

local ffi = require("ffi")

local tally = {}

-- Of ranks from 0 to 100, those below and above are in the farthest and in the nearest tenth.
local FARTHEST, NEAREST = 10, 90

-- Picks of one row that are more alike than this are near-copies: shown are the pairs above the first and above
-- the second.
tally.ALIKE, tally.NEAR_COPIES = 0.8, 0.9

local Tally = {}
Tally.__index = Tally

--- Counts nothing yet.
-- @tparam number n items
-- @tparam number picks of each row
-- @treturn Tally
function tally.new(n, picks)
  local by_pick = {}
  for k = 1, picks do by_pick[k] = { rank = 0, farthest = 0, nearest = 0 } end
  return setmetatable({
    n = n, picks = picks, by_pick = by_pick, rows = 0, ranked = 0,
    times = ffi.new("uint32_t[?]", n), first_place = ffi.new("uint32_t[?]", n),
    cosines = 0, greatest = -math.huge, alike = 0, near_copies = 0, rows_with_near_copies = 0,
  }, Tally)
end

--- Counts which items a row picks.
-- @tparam cdata ids `uint32_t*`
function Tally:add_picks(ids)
  self.rows = self.rows + 1
  for k = 1, self.picks do
    local id = ids[k - 1]
    self.times[id] = self.times[id] + 1
    if self.first_place[id] == 0 or k < self.first_place[id] then self.first_place[id] = k end
  end
end

--- Counts how near to start the picks of a row are.
-- @tparam cdata ranks `double*`: of each pick, see ranks.lua
function Tally:add_ranks(ranks)
  self.ranked = self.ranked + 1
  for k = 1, self.picks do
    local rank, of_pick = ranks[k - 1], self.by_pick[k]
    of_pick.rank = of_pick.rank + rank
    if rank < FARTHEST then of_pick.farthest = of_pick.farthest + 1 end
    if rank > NEAREST then of_pick.nearest = of_pick.nearest + 1 end
  end
end

--- Counts how alike the picks of a row are.
-- @tparam cdata cosines `float*`: of each pair of them
-- @tparam number count of pairs
function Tally:add_pairs(cosines, count)
  local near_copies = 0
  for p = 0, count - 1 do
    local cosine = cosines[p]
    self.cosines = self.cosines + cosine
    self.greatest = math.max(self.greatest, cosine)
    if cosine > tally.ALIKE then self.alike = self.alike + 1 end
    if cosine > tally.NEAR_COPIES then near_copies = near_copies + 1 end
  end
  self.near_copies = self.near_copies + near_copies
  if near_copies > 0 then self.rows_with_near_copies = self.rows_with_near_copies + 1 end
end

-- How many items are among the first 1, 2, ... picks of any row.
local function coverage(first_place, n, picks)
  local items = {}
  for k = 1, picks do items[k] = 0 end
  for id = 0, n - 1 do
    local place = first_place[id]
    if place > 0 then items[place] = items[place] + 1 end
  end
  for k = 2, picks do items[k] = items[k] + items[k - 1] end
  return items
end

-- The item that most rows pick, the lowest of several; in how many; and how many items any picks.
local function most_frequent(times, n)
  local item, distinct = 0, 0
  for id = 0, n - 1 do
    if times[id] > times[item] then item = id end
    if times[id] > 0 then distinct = distinct + 1 end
  end
  return item, times[item], distinct
end

--- The figures. Shares are from 0 to 1.
-- @treturn table
--
-- - `by_pick`: for each pick `mean_rank`, `farthest_tenth`, `nearest_tenth` (shares of the rows), `distinct_items`
--   (how many are among the picks up to this one, of all rows);
--   `mean_rank`, `farthest_tenth`, `nearest_tenth`: of all picks
-- - where rows have two picks or more, `mean_cosine`, `greatest_cosine`: between picks of one row;
--   `pairs`, `pairs_above_0_8`, `pairs_above_0_9`, `rows_with_pair_above_0_9` (a share)
-- - `distinct_items`, `unpicked_items`; `most_frequent_item`, `most_frequent_rows` (their number),
--   `most_frequent_share` of the rows
function Tally:figures()
  local figures = { by_pick = {} }
  local rank, farthest, nearest = 0, 0, 0
  local covered = coverage(self.first_place, self.n, self.picks)
  for k, of_pick in ipairs(self.by_pick) do
    figures.by_pick[k] = {
      mean_rank = of_pick.rank / self.ranked,
      farthest_tenth = of_pick.farthest / self.ranked,
      nearest_tenth = of_pick.nearest / self.ranked,
      distinct_items = covered[k],
    }
    rank, farthest, nearest = rank + of_pick.rank, farthest + of_pick.farthest, nearest + of_pick.nearest
  end
  local ranked = self.ranked * self.picks
  figures.mean_rank, figures.farthest_tenth, figures.nearest_tenth = rank / ranked, farthest / ranked, nearest / ranked
  local pairs_of_all = self.ranked * self.picks * (self.picks - 1) / 2
  if pairs_of_all > 0 then
    figures.pairs = pairs_of_all
    figures.mean_cosine, figures.greatest_cosine = self.cosines / pairs_of_all, self.greatest
    figures.pairs_above_0_8, figures.pairs_above_0_9 = self.alike, self.near_copies
    figures.rows_with_pair_above_0_9 = self.rows_with_near_copies / self.ranked
  end
  local item, times, distinct = most_frequent(self.times, self.n)
  figures.distinct_items, figures.unpicked_items = distinct, self.n - distinct
  figures.most_frequent_item, figures.most_frequent_rows = item, times
  figures.most_frequent_share = times / self.rows
  return figures
end

return tally
