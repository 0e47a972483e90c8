--- Picks drawn by chance, for figures to be compared with: the same ones in every run.
-- @module vk_compute.report.random_picks

local ffi = require("ffi")

-- The "minimal standard" generator of Park and Miller: all its numbers are exact in float64.
local SEED, MULTIPLIER, MODULUS = 20210, 16807, 2 ^ 31 - 1

--- Makes a function (start, picks, count) that writes count ids into picks: different items of n, start not
-- among them, each equally likely. count is below n.
-- @tparam number n items
-- @treturn function
return function(n)
  local state = SEED
  local function below(limit)
    state = state * MULTIPLIER % MODULUS
    return math.floor((state - 1) / (MODULUS - 1) * limit)
  end

  local items = ffi.new("uint32_t[?]", n)
  for id = 0, n - 1 do items[id] = id end
  -- The first steps of a shuffle of all items, which stay as they come to lie.
  return function(start, picks, count)
    local picked, place = 0, 0
    while picked < count do
      local other = place + below(n - place)
      items[place], items[other] = items[other], items[place]
      if items[place] ~= start then
        picks[picked] = items[place]
        picked = picked + 1
      end
      place = place + 1
    end
  end
end
