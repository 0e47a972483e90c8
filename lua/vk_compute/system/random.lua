--- Random numbers of our own: what math.random gives is the program's, which may have seeded it.
-- @module vk_compute.system.random

local time = require("posix.time")
local unistd = require("posix.unistd")

local random = {}

local MODULUS = 2 ^ 31 - 1

local now = time.clock_gettime(time.CLOCK_REALTIME)
local state = (now.tv_sec + now.tv_nsec + 65537 * unistd.getpid()) % (MODULUS - 1) + 1

--- A number from 0 to below - 1. below is at most 2^31 - 2.
function random.below(below)
  state = state * 16807 % MODULUS
  return state % below
end

--- So many random hexadecimal digits. The system's, where it has any: other processes then draw others.
function random.hex(digits)
  local source = io.open("/dev/urandom", "rb")
  local bytes = source and source:read(digits / 2)
  if source then source:close() end
  if not bytes then return (("x"):rep(digits):gsub("x", function() return ("%x"):format(random.below(16)) end)) end
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

return random
