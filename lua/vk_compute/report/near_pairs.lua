--- Near-duplicates at every threshold at once: of all pairs above a floor a forest that joins, at any threshold above
-- it, the same items as all pairs above that threshold do. It is the maximum spanning forest.
-- @module vk_compute.report.near_pairs

local ffi = require("ffi")
local disjoint_sets = require("vk_compute.report.disjoint_sets")

local near_pairs = {}

-- Pairs that are kept until there is a forest of them, and forests until the floor rises.
local BUFFERED, MOST_FORESTS, FLOOR_STEP = 500000, 20, 0.05

ffi.cdef("typedef struct { uint32_t first, second; float cosine; } vkc_lua_near_pair;")

local NearPairs = {}
NearPairs.__index = NearPairs

--- Holds no pairs yet.
-- @tparam number n items
-- @tparam number floor pairs have a cosine above it
-- @treturn NearPairs with `floor`, which rises where there are too many pairs
function near_pairs.new(n, floor)
  return setmetatable({
    n = n, floor = floor, count = 0, forests = 0, capacity = n + BUFFERED,
    pairs = ffi.new("vkc_lua_near_pair[?]", n + BUFFERED), parent = ffi.new("uint32_t[?]", n),
  }, NearPairs)
end

-- Leaves of the pairs those that make the forest, the greatest cosines first.
local function reduce(self)
  local held, order, parent = self.pairs, {}, self.parent
  for k = 1, self.count do order[k] = k - 1 end
  table.sort(order, function(a, b)
    local one, other = held[a], held[b]
    if one.cosine ~= other.cosine then return one.cosine > other.cosine end
    if one.first ~= other.first then return one.first < other.first end
    return one.second < other.second
  end)
  disjoint_sets.separate(parent, self.n)
  local kept = ffi.new("vkc_lua_near_pair[?]", self.capacity)
  local count = 0
  for _, k in ipairs(order) do
    local pair = held[k]
    if pair.cosine > self.floor and disjoint_sets.join(parent, pair.first, pair.second) then
      kept[count] = pair
      count = count + 1
    end
  end
  self.pairs, self.count = kept, count
end

--- Adds the pairs of an item with those of lower ids. Each item is added once, in any order.
-- @tparam number item
-- @tparam cdata row `float*`: its cosines to all
function NearPairs:add(item, row)
  if self.count + item > self.capacity then
    self.forests = self.forests + 1
    if self.forests % MOST_FORESTS == 0 and self.floor + FLOOR_STEP < 1 then self.floor = self.floor + FLOOR_STEP end
    reduce(self)
  end
  local held, count, floor = self.pairs, self.count, self.floor
  for other = 0, item - 1 do
    if row[other] > floor then
      held[count].first, held[count].second, held[count].cosine = other, item, row[other]
      count = count + 1
    end
  end
  self.count = count
end

--- The forest.
-- @treturn cdata structs with `first`, `second`, `cosine`, the greatest cosines first
-- @treturn number how many
function NearPairs:forest()
  reduce(self)
  return self.pairs, self.count
end

return near_pairs
