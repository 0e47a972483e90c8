--- How fast rows come, and when the last will.
-- @module vk_compute.cache.rate

local rate = {}

local WINDOW = 30  -- seconds

--- Rows a second over the last half minute.
-- @tparam {table,...} samples `{time=, done=}`: the first from when computing began. What comes
-- before the second, the similarity matrix, is left out where there are more
-- @treturn number|nil nil where nothing is known yet
function rate.estimate(samples)
  local last = samples[#samples]
  if #samples < 2 then return nil end
  local first = samples[#samples > 2 and 2 or 1]
  for k = #samples - 1, 2, -1 do
    first = samples[k]
    if last.time - first.time >= WINDOW then break end
  end
  if #samples == 2 then first = samples[1] end
  if last.time <= first.time then return nil end
  return (last.done - first.done) / (last.time - first.time)
end

return rate
