--- The numbers of embeddings as float32, and refusing those that are none.
-- @module vk_compute.formats.float32

local fail = require("vk_compute.fail")

local float32 = {}

--- The smallest double that rounds to infinity as a float.
float32.BOUND = 2 ^ 128 - 2 ^ 103
local BOUND = float32.BOUND

--- Whether float32 can hold a number (rounded) and it is no NaN.
function float32.holds(value)
  return value < BOUND and value > -BOUND
end

--- What is wrong with a number that float32 does not hold.
function float32.complaint(value)
  if value ~= value then return "is NaN: compute this embedding again" end
  if value == math.huge or value == -math.huge then return "is infinite: compute this embedding again" end
  return ("is %.6g, which float32 cannot hold: scale the embeddings"):format(value)
end

--- Raises where there is a NaN or an infinity.
-- @param source numbers, such as a `double*`
-- @tparam number count
-- @tparam number first what number source[0] is in the whole array
-- @tparam number d columns
-- @tparam string path for the message
function float32.check(source, count, first, d, path)
  for k = 0, count - 1 do
    local value = source[k]
    if not (value < BOUND and value > -BOUND) then
      local index = first + k
      fail("%s: row %.0f, column %.0f (both from 0) %s", path, math.floor(index / d), index % d,
        float32.complaint(value))
    end
  end
end

return float32
