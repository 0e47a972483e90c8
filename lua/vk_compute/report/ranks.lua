--- Ranks of picks: the places of their cosines to the start among those of all other items.
-- @module vk_compute.report.ranks

local ffi = require("ffi")

local ranks = {}

-- Cosines, from -1 to 1, fall into so many equal steps, which tell about where among the picks' a cosine lies.
local STEPS = 2048

-- Sorts picks by their cosines; there are few.
local function sort(order, cosines, count)
  for k = 0, count - 1 do
    local place = k
    while place > 0 and cosines[order[place - 1]] > cosines[k] do
      order[place] = order[place - 1]
      place = place - 1
    end
    order[place] = k
  end
end

--- Makes a function that ranks picks.
-- @tparam number n items
-- @tparam number most picks at a time
-- @treturn function (ids, count, start, row, out): writes into out, a `double*`, the ranks of count items, `ids`, of
-- which start is none. `row` is `float*`, the cosines of start to all n. A rank is 0 where the cosine is the least of
-- all, 100 where it is the greatest, and where others are equal to it the mean of the ranks they have together
function ranks.new(n, most)
  local order, cosines = ffi.new("uint32_t[?]", most), ffi.new("float[?]", most)
  local distinct, place_of = ffi.new("float[?]", most), ffi.new("uint32_t[?]", most)
  local between, equal = ffi.new("uint32_t[?]", most + 1), ffi.new("uint32_t[?]", most + 1)
  local rank_of = ffi.new("double[?]", most)
  local first_from = ffi.new("uint32_t[?]", STEPS + 2)

  local function step_of(cosine) return math.floor((cosine + 1) * (STEPS / 2)) end

  -- The different cosines of the picks, ascending, how many there are, and the first of each step or after it.
  local function find_distinct(count)
    local different = 0
    for k = 0, count - 1 do
      local cosine = cosines[order[k]]
      if k == 0 or cosine > distinct[different - 1] then
        distinct[different] = cosine
        different = different + 1
      end
      place_of[order[k]] = different - 1
    end
    local first = 0
    for step = 0, STEPS do
      while first < different and step_of(distinct[first]) < step do first = first + 1 end
      first_from[step] = first
    end
    return different
  end

  return function(ids, count, start, row, out)
    for k = 0, count - 1 do cosines[k] = row[ids[k]] end
    sort(order, cosines, count)
    local different = find_distinct(count)
    ffi.fill(between, ffi.sizeof(between))
    ffi.fill(equal, ffi.sizeof(equal))
    local function count_items(from, to)
      for j = from, to do
        local cosine = row[j]
        local place = first_from[step_of(cosine)]
        while place < different and distinct[place] < cosine do place = place + 1 end
        if place < different and distinct[place] == cosine then
          equal[place] = equal[place] + 1
        else
          between[place] = between[place] + 1
        end
      end
    end
    count_items(0, start - 1)
    count_items(start + 1, n - 1)

    local below = 0
    for place = 0, different - 1 do
      below = below + between[place]
      rank_of[place] = n == 2 and 50 or 100 * (below + (equal[place] - 1) / 2) / (n - 2)
      below = below + equal[place]
    end
    for k = 0, count - 1 do out[k] = rank_of[place_of[k]] end
  end
end

return ranks
