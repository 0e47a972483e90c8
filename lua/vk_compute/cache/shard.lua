--- Shards: caches of some of the rows, to be joined into the whole (merge.lua).
--
-- Of n rows, shard I of N, written I/N, I from 0, has the rows floor(I n / N) to floor((I + 1) n / N) - 1.
-- @module vk_compute.cache.shard

local ffi = require("ffi")

local shard = {}

--- The numbers of a shard.
-- @tparam string text such as "2/7"
-- @treturn number I; nil where the text names no shard
-- @treturn number N
function shard.parse(text)
  local index, count = text:match("^(%d+)/(%d+)$")
  index, count = tonumber(index), tonumber(count)
  if index and index < count and count < 2 ^ 32 then return index, count end
end

--- The text of a shard, without zeros that mean nothing. Nil for the only one of one, which is the whole.
function shard.canonical(text)
  local index, count = shard.parse(text)
  return count > 1 and ("%.0f/%.0f"):format(index, count) or nil
end

--- The rows that shards first to last of so many have.
-- @tparam number first a shard; `last` likewise
-- @tparam number count of all shards
-- @tparam number n rows of the whole
-- @treturn number the first row
-- @treturn number how many
function shard.rows(first, last, count, n)
  -- The products are beyond what a number holds exactly.
  local function begin(index) return tonumber(ffi.cast("uint64_t", index) * n / count) end
  return begin(first), begin(last + 1) - begin(first)
end

return shard
