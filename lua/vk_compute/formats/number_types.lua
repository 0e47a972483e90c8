--- The types of numbers that binary formats hold, each turned into float32 as NumPy's astype does.
--
-- A type has `name`, `bytes`, `swap(buffer, count)`, which turns big-endian numbers round, and
-- `take(buffer, count, data, first, place_of, path)`, which brings numbers from a buffer to floats; the first is
-- number `first` of the whole array, for messages.
-- @module vk_compute.formats.number_types

local bit = require("bit")
local ffi = require("ffi")
local float32 = require("vk_compute.formats.float32")

local halves

-- What each of the 65,536 float16 stands for.
local function half_table()
  if halves then return halves end
  halves = ffi.new("float[65536]")
  for bits = 0, 65535 do
    local exponent, fraction = math.floor(bits / 1024) % 32, bits % 1024
    local value
    if exponent == 31 then
      value = fraction == 0 and math.huge or 0 / 0
    elseif exponent == 0 then
      value = fraction * 2 ^ -24
    else
      value = (1024 + fraction) * 2 ^ (exponent - 25)
    end
    halves[bits] = bits >= 32768 and -value or value
  end
  return halves
end

local function swap_2(buffer, count)
  local words = ffi.cast("uint16_t *", buffer)
  for k = 0, count - 1 do words[k] = bit.rshift(bit.bswap(words[k]), 16) end
end

local function swap_4(buffer, count)
  local words = ffi.cast("uint32_t *", buffer)
  for k = 0, count - 1 do words[k] = bit.bswap(words[k]) end
end

local function swap_8(buffer, count)
  local words = ffi.cast("uint32_t *", buffer)
  for k = 0, 2 * count - 1, 2 do
    words[k], words[k + 1] = bit.bswap(words[k + 1]), bit.bswap(words[k])
  end
end

local function swap_none() end

local function take_float16(buffer, count, data)
  local bits, values = ffi.cast("uint16_t *", buffer), half_table()
  for k = 0, count - 1 do data[k] = values[bits[k]] end
end

-- The upper half of a float32.
local function take_bfloat16(buffer, count, data)
  local bits, words = ffi.cast("uint16_t *", buffer), ffi.cast("uint32_t *", data)
  for k = 0, count - 1 do words[k] = bit.lshift(bits[k], 16) end
end

local function take_float32(buffer, count, data)
  ffi.copy(data, buffer, count * 4)
end

local function take_float64(buffer, count, data, first, place_of, path)
  float32.check_doubles(ffi.cast("uint32_t *", buffer), count, first, place_of, path)
  local doubles = ffi.cast("double *", buffer)
  for k = 0, count - 1 do data[k] = doubles[k] end
end

local function integers(pointer)
  return function(buffer, count, data)
    local values = ffi.cast(pointer, buffer)
    for k = 0, count - 1 do data[k] = values[k] end
  end
end

return {
  float16 = { name = "float16", bytes = 2, swap = swap_2, take = take_float16 },
  bfloat16 = { name = "bfloat16", bytes = 2, swap = swap_2, take = take_bfloat16 },
  float32 = { name = "float32", bytes = 4, swap = swap_4, take = take_float32 },
  float64 = { name = "float64", bytes = 8, swap = swap_8, take = take_float64 },
  int8 = { name = "int8", bytes = 1, swap = swap_none, take = integers("int8_t *") },
  uint8 = { name = "uint8", bytes = 1, swap = swap_none, take = integers("uint8_t *") },
  int32 = { name = "int32", bytes = 4, swap = swap_4, take = integers("int32_t *") },
}
