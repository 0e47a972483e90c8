--- Rows of embeddings that are like random numbers to a device, about of length 1, and quickly made: sums of two parts
-- of a table of random numbers, begun anywhere.

local ffi = require("ffi")

--- @tparam number d numbers of a row
-- @treturn function (to): writes the next row to a `float*`
return function(d)
  local entries, state = 2 ^ 20, 4711
  local random = ffi.new("float[?]", entries + d)
  local function draw()
    state = state * 16807 % 2147483647
    return state
  end
  for k = 0, entries + d - 1 do
    local u = draw() / 2147483647
    random[k] = math.sqrt(-2 * math.log(u)) * math.cos(2 * math.pi * draw() / 2147483647) / math.sqrt(2 * d)
  end
  return function(to)
    local one, other = random + draw() % entries, random + draw() % entries
    for k = 0, d - 1 do to[k] = one[k] + other[k] end
  end
end
