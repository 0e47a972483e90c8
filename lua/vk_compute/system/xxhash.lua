--- XXH3 checksums by libxxhash, in the hexadecimal form that xxhsum prints.
-- @module vk_compute.system.xxhash

local ffi = require("ffi")
local bit = require("bit")
local fail = require("vk_compute.system.fail")

ffi.cdef([[
typedef struct { uint64_t low64; uint64_t high64; } vkc_lua_xxh128;
typedef struct XXH3_state_s XXH3_state_t;
uint64_t XXH3_64bits(const void *data, size_t bytes);
vkc_lua_xxh128 XXH3_128bits(const void *data, size_t bytes);
int XXH3_128bits_reset(XXH3_state_t *state);
int XXH3_128bits_update(XXH3_state_t *state, const void *data, size_t bytes);
vkc_lua_xxh128 XXH3_128bits_digest(const XXH3_state_t *state);
]])

local ok, lib = pcall(ffi.load, "libxxhash.so.0")
if not ok then
  fail("libxxhash.so.0 cannot be loaded (Debian package libxxhash0): %s", lib)
end

local xxhash = {}

local function hex128(hash)
  return bit.tohex(hash.high64, 16) .. bit.tohex(hash.low64, 16)
end

--- XXH3, 64 bits.
-- @param data a string or a pointer
-- @tparam number bytes
-- @treturn string 16 hexadecimal digits
function xxhash.hex64(data, bytes)
  return bit.tohex(lib.XXH3_64bits(data, bytes), 16)
end

--- XXH3, 128 bits.
-- @param data a string or a pointer
-- @tparam number bytes
-- @treturn string 32 hexadecimal digits
function xxhash.hex128(data, bytes)
  return hex128(lib.XXH3_128bits(data, bytes))
end

-- Memory of Lua's own for a state of 576 bytes, aligned to 64: what the library allocates it would also have to free,
-- and when Lua ends it may unload the library before it frees what is left.
local STATE_BYTES, STATE_ALIGNMENT = 1024, 64

local Stream = {}
Stream.__index = Stream

--- XXH3, 128 bits, of data that comes in pieces.
-- @treturn Stream with methods update(data, bytes) and hex()
function xxhash.stream128()
  local memory = ffi.new("uint8_t[?]", STATE_BYTES + STATE_ALIGNMENT)
  local unaligned = tonumber(ffi.cast("intptr_t", memory) % STATE_ALIGNMENT)
  local state = ffi.cast("XXH3_state_t *", memory + (STATE_ALIGNMENT - unaligned))
  lib.XXH3_128bits_reset(state)
  return setmetatable({ state = state, memory = memory }, Stream)
end

function Stream:update(data, bytes)
  lib.XXH3_128bits_update(self.state, data, bytes)
end

function Stream:hex()
  return hex128(lib.XXH3_128bits_digest(self.state))
end

return xxhash
