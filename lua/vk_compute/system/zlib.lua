--- zlib: data compressed, and taken apart, piece by piece; and its checksums.
-- @module vk_compute.system.zlib

local ffi = require("ffi")
local fail = require("vk_compute.system.fail")

ffi.cdef([[
typedef struct {
  const uint8_t *next_in;
  unsigned avail_in;
  unsigned long total_in;
  uint8_t *next_out;
  unsigned avail_out;
  unsigned long total_out;
  const char *msg;
  void *state, *zalloc, *zfree, *opaque;
  int data_type;
  unsigned long adler, reserved;
} vkc_lua_z_stream;
const char *zlibVersion(void);
int inflateInit2_(vkc_lua_z_stream *stream, int window_bits, const char *version, int stream_size);
int inflate(vkc_lua_z_stream *stream, int flush);
int inflateEnd(vkc_lua_z_stream *stream);
int deflateInit_(vkc_lua_z_stream *stream, int level, const char *version, int stream_size);
int deflate(vkc_lua_z_stream *stream, int flush);
int deflateEnd(vkc_lua_z_stream *stream);
unsigned long compressBound(unsigned long bytes);
unsigned long crc32(unsigned long crc, const void *data, unsigned bytes);
]])

local Z_OK, Z_STREAM_END, Z_BUF_ERROR = 0, 1, -5
-- "Raw": without zlib's own header, as zip archives hold it.
local RAW_WINDOW_BITS = -15
local INPUT = 65536
local LEVEL, Z_NO_FLUSH, Z_FINISH = 6, 0, 4
-- Bytes that are compressed between two words of progress: some hundredths of a second.
local PIECE = 2 ^ 20

local zlib = {}

local loaded

local function load()
  if loaded then return loaded end
  local ok, lib = pcall(ffi.load, "libz.so.1")
  if not ok then fail("libz.so.1 cannot be loaded (Debian package zlib1g): %s", lib) end
  loaded = lib
  return lib
end

--- Compresses, into the format of RFC 1950, which browsers call "deflate".
-- @param data a string or a pointer
-- @tparam number bytes
-- @tparam[opt] function progress (bytes that are done), called after each piece; what it raises ends the work
-- @treturn cdata `uint8_t[]`
-- @treturn number bytes of it
function zlib.compress(data, bytes, progress)
  local lib = load()
  local stream = ffi.new("vkc_lua_z_stream")
  local function check(result, expected)
    if result ~= expected then fail("zlib could not compress %.0f bytes: its code is %d", bytes, result) end
  end
  check(lib.deflateInit_(stream, LEVEL, lib.zlibVersion(), ffi.sizeof(stream)), Z_OK)
  ffi.gc(stream, lib.deflateEnd)
  local most = lib.compressBound(bytes)
  local out = ffi.new("uint8_t[?]", most)
  local from, done = ffi.cast("const uint8_t *", data), 0
  repeat
    local count = math.min(PIECE, bytes - done)
    local is_last = done + count == bytes
    stream.next_in, stream.avail_in = from + done, count
    -- There is always room for all.
    stream.next_out, stream.avail_out = out + stream.total_out, math.min(tonumber(most - stream.total_out), 2 ^ 32 - 1)
    check(lib.deflate(stream, is_last and Z_FINISH or Z_NO_FLUSH), is_last and Z_STREAM_END or Z_OK)
    done = done + count
    if progress then progress(done) end
  until is_last
  local size = tonumber(stream.total_out)
  lib.deflateEnd(ffi.gc(stream, nil))
  return out, size
end

--- The CRC-32 of data that comes in pieces.
-- @tparam number crc of the pieces before; 0 at first
-- @param data a pointer
-- @tparam number bytes
-- @treturn number
function zlib.crc32(crc, data, bytes)
  return tonumber(load().crc32(crc, data, bytes))
end

--- Takes raw deflated data apart.
-- @tparam function pull (pointer, bytes): gives the next compressed bytes, and says how many; 0 at the end
-- @treturn function the same of the bytes that they stand for; nil and zlib's words where the data are damaged
function zlib.inflater(pull)
  local lib = load()
  local input = ffi.new("uint8_t[?]", INPUT)
  local stream = ffi.new("vkc_lua_z_stream")
  if lib.inflateInit2_(stream, RAW_WINDOW_BITS, lib.zlibVersion(), ffi.sizeof(stream)) ~= Z_OK then
    fail("zlib cannot begin: there is no memory left")
  end
  ffi.gc(stream, lib.inflateEnd)
  local has_ended = false
  return function(pointer, bytes)
    stream.next_out, stream.avail_out = ffi.cast("uint8_t *", pointer), bytes
    while stream.avail_out > 0 and not has_ended do
      if stream.avail_in == 0 then
        stream.next_in, stream.avail_in = input, pull(input, INPUT)
      end
      local result = lib.inflate(stream, 0)
      has_ended = result == Z_STREAM_END or result == Z_BUF_ERROR
      if not has_ended and result ~= Z_OK then
        return nil, stream.msg ~= nil and ffi.string(stream.msg) or "invalid data"
      end
    end
    return bytes - stream.avail_out
  end
end

return zlib
