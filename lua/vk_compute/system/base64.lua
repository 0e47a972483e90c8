--- Bytes as base64, RFC 4648.
-- @module vk_compute.system.base64

local ffi = require("ffi")
local bit = require("bit")

local ALPHABET = ffi.new("uint8_t[64]", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
local PADDING = ("="):byte()

--- Encodes.
-- @tparam cdata data `uint8_t*`
-- @tparam number bytes
-- @treturn cdata `uint8_t[]`
-- @treturn number bytes of it
return function(data, bytes)
  local size = 4 * math.ceil(bytes / 3)
  local out = ffi.new("uint8_t[?]", size)
  local place = 0
  for first = 0, bytes - 1, 3 do
    local second = first + 1 < bytes and data[first + 1] or 0
    local third = first + 2 < bytes and data[first + 2] or 0
    local word = data[first] * 65536 + second * 256 + third
    out[place] = ALPHABET[bit.rshift(word, 18)]
    out[place + 1] = ALPHABET[bit.band(bit.rshift(word, 12), 63)]
    out[place + 2] = ALPHABET[bit.band(bit.rshift(word, 6), 63)]
    out[place + 3] = ALPHABET[bit.band(word, 63)]
    place = place + 4
  end
  if bytes % 3 > 0 then out[size - 1] = PADDING end
  if bytes % 3 == 1 then out[size - 2] = PADDING end
  return out, size
end
