--- The cosines of all pairs among the picks of lists, taken from the rows of the similarity matrix as they come by:
-- each row is looked at once, however many lists hold its item.
-- @module vk_compute.explore.pick_pairs

local ffi = require("ffi")

local pick_pairs = {}

local PickPairs = {}
PickPairs.__index = PickPairs

--- Knows the lists, and no cosine yet.
-- @tparam {cdata,...} lists `uint32_t[]` each: the picks of every item, n x picks
-- @tparam number n
-- @tparam number picks
-- @treturn PickPairs with `of_row`: how many pairs the picks of one item are
function pick_pairs.new(lists, n, picks)
  local of_list = n * picks
  local count = #lists * of_list
  local ids = ffi.new("uint32_t[?]", count)
  for l, list in ipairs(lists) do ffi.copy(ids + (l - 1) * of_list, list, 4 * of_list) end
  -- The places that hold item i are places[begins[i]] to places[begins[i + 1] - 1].
  local begins, places = ffi.new("uint32_t[?]", n + 2), ffi.new("uint32_t[?]", count)
  for place = 0, count - 1 do begins[ids[place] + 2] = begins[ids[place] + 2] + 1 end
  for item = 2, n + 1 do begins[item] = begins[item] + begins[item - 1] end
  for place = 0, count - 1 do
    local own = ids[place] + 1
    places[begins[own]] = place
    begins[own] = begins[own] + 1
  end
  local of_row = picks * (picks - 1) / 2
  return setmetatable({
    n = n, picks = picks, of_row = of_row, ids = ids, begins = begins, places = places,
    cosines = ffi.new("float[?]", #lists * n * of_row),
  }, PickPairs)
end

--- Takes an item's row. Each item is to be added once, in any order.
-- @tparam number item
-- @tparam cdata row `float*`: its cosines to all
function PickPairs:add(item, row)
  local ids, places, picks, cosines = self.ids, self.places, self.picks, self.cosines
  for k = self.begins[item], self.begins[item + 1] - 1 do
    local pick = places[k] % picks
    local first = places[k] - pick
    local pair = first / picks * self.of_row + pick * picks - pick * (pick + 1) / 2
    for later = pick + 1, picks - 1 do
      cosines[pair] = row[ids[first + later]]
      pair = pair + 1
    end
  end
end

--- The cosines of a list.
-- @tparam number list from 1, as they were given
-- @treturn cdata `float*`: of each item those of picks 1 and 2, 1 and 3, .., 2 and 3, ..
function PickPairs:of_list(list)
  return self.cosines + (list - 1) * self.n * self.of_row
end

return pick_pairs
