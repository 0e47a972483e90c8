--- Numbers that float32 cannot hold, and refusing them.
--
-- NaN is looked for in the bits. LuaJIT keeps its own values in NaNs: one from a file, taken for a number,
-- could be any of them.
-- @module vk_compute.formats.float32

local bit = require("bit")
local ffi = require("ffi")
local fail = require("vk_compute.system.fail")

local float32 = {}

--- The smallest double that rounds to infinity as a float.
float32.BOUND = 2 ^ 128 - 2 ^ 103

local band = bit.band
local FLOAT_EXPONENT, FLOAT_FRACTION = 0x7f800000, 0x007fffff
local DOUBLE_EXPONENT, DOUBLE_HIGH_FRACTION = 0x7ff00000, 0x000fffff

--- Says where numbers of an array lie that are stored row after row.
-- @treturn function gives row and column of a number's index
function float32.in_rows(d)
  return function(index) return math.floor(index / d), index % d end
end

--- The same where they are stored column after column.
function float32.in_columns(n)
  return function(index) return index % n, math.floor(index / n) end
end

local function refuse(index, place_of, path, problem)
  local row, column = place_of(index)
  fail("%s: row %.0f, column %.0f (both from 0) is %s", path, row, column, problem)
end

local function refuse_not_finite(index, place_of, path, is_nan)
  refuse(index, place_of, path, (is_nan and "NaN" or "infinite") .. ": compute this embedding again")
end

--- Whether the float of these bits is neither NaN nor infinite.
function float32.is_finite(word)
  return band(word, FLOAT_EXPONENT) ~= FLOAT_EXPONENT
end

--- Raises where there is a NaN or an infinity.
-- @param words the floats, as `uint32_t*`
-- @tparam number count
-- @tparam number first what number the first of them is in the whole array
-- @tparam function place_of as from in_rows
-- @tparam string path for the message
function float32.check(words, count, first, place_of, path)
  for k = 0, count - 1 do
    if band(words[k], FLOAT_EXPONENT) == FLOAT_EXPONENT then
      refuse_not_finite(first + k, place_of, path, band(words[k], FLOAT_FRACTION) ~= 0)
    end
  end
end

--- The same for doubles, two words each, the low one first, and for what float32 cannot hold.
function float32.check_doubles(words, count, first, place_of, path)
  local doubles = ffi.cast("double *", words)
  for k = 0, count - 1 do
    local high = words[2 * k + 1]
    if band(high, DOUBLE_EXPONENT) == DOUBLE_EXPONENT then
      refuse_not_finite(first + k, place_of, path, band(high, DOUBLE_HIGH_FRACTION) ~= 0 or words[2 * k] ~= 0)
    elseif math.abs(doubles[k]) >= float32.BOUND then
      refuse(first + k, place_of, path, "too large for float32: scale the embeddings")
    end
  end
end

return float32
