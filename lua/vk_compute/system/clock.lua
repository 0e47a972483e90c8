--- Time in seconds, with fractions.
-- @module vk_compute.system.clock

local time = require("posix.time")

local clock = {}

local function seconds(which)
  local t = time.clock_gettime(which)
  return t.tv_sec + t.tv_nsec / 1e9
end

--- Since some moment. It never goes back.
function clock.monotonic()
  return seconds(time.CLOCK_MONOTONIC)
end

--- Since 1970.
function clock.realtime()
  return seconds(time.CLOCK_REALTIME)
end

return clock
