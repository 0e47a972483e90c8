--- Compression by zlib, in the format of RFC 1950, which browsers call "deflate".
-- @module vk_compute.system.deflate

local ffi = require("ffi")
local fail = require("vk_compute.system.fail")

ffi.cdef([[
unsigned long compressBound(unsigned long bytes);
int compress2(void *to, unsigned long *to_bytes, const void *from, unsigned long bytes, int level);
]])

local LEVEL = 6
local lib

local function load()
  local ok, loaded = pcall(ffi.load, "libz.so.1")
  if not ok then fail("libz.so.1 cannot be loaded (Debian package zlib1g): %s", loaded) end
  return loaded
end

--- Compresses.
-- @param data a string or a pointer
-- @tparam number bytes
-- @treturn cdata `uint8_t[]`
-- @treturn number bytes of it
return function(data, bytes)
  lib = lib or load()
  local size = ffi.new("unsigned long[1]", lib.compressBound(bytes))
  local out = ffi.new("uint8_t[?]", size[0])
  local code = lib.compress2(out, size, data, bytes, LEVEL)
  if code ~= 0 then fail("zlib could not compress %.0f bytes: its code is %d", bytes, code) end
  return out, tonumber(size[0])
end
