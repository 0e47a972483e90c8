--- The kinds of cache: what their rows are, how a row is computed, and what a row can be.
--
-- A kind is a table of
--
-- - `rows`: what they are, in words; `member`: the same as a name in JSON
-- - `work`: what Context:plan_memory calls it
-- - `format`: the first member of its metadata; `title`: the first line of what its fingerprint is of
-- - `option`: how users say how many ids a row has; `example`: a file name
-- - `most_ids` and `default_ids`: function (n) -> ids of a row; `surplus`: what to say of more
-- - `new_check`: function (n, length) -> a check of rows, see row_check.lua
-- - `compute`: function (context, lib, rows, count, what, output) -> how many of the rows it computed, at least
--   one, in about half a second; `what` is the identity
-- @module vk_compute.cache.kinds

local ffi = require("ffi")
local check = require("vk_compute.system.errors").check
local row_check = require("vk_compute.cache.row_check")

local kinds = {}

local recommended = ffi.new("uint32_t[1]")

kinds.diversity = {
  rows = "diversity sequences",
  member = "sequences",
  work = "diversity",
  format = "vulkan_compute diversity cache",
  title = "diversity cache",
  option = "--length",
  example = "diversity.npy",
  most_ids = function(n) return n end,
  default_ids = function(n) return n end,
  surplus = "%s %.0f is more than the %.0f embeddings there are",
  new_check = row_check.walk,
  compute = function(context, lib, rows, count, what, output)
    check(lib, lib.vkc_recommended_batch(context, what.length, recommended))
    count = math.min(count, recommended[0])
    check(lib, lib.vkc_compute_diversity_sequences(context, rows, count, what.length, output))
    return count
  end,
}

local DEFAULT_NEIGHBORS = 100

kinds.neighbors = {
  rows = "nearest neighbours",
  member = "neighbors",
  work = "neighbors",
  format = "vulkan_compute nearest neighbors cache",
  title = "nearest neighbors cache",
  option = "--k",
  example = "neighbors.npy",
  most_ids = function(n) return n - 1 end,
  default_ids = function(n) return math.min(DEFAULT_NEIGHBORS, n - 1) end,
  surplus = "%s %.0f is more than the %.0f other embeddings there are",
  new_check = row_check.neighbors,
  compute = function(context, lib, rows, count, what, output)
    check(lib, lib.vkc_recommended_neighbors_batch(context, what.length, recommended))
    local most = math.min(count, recommended[0])
    local run = 1
    while run < most and rows[run] == rows[0] + run do run = run + 1 end
    check(lib, lib.vkc_compute_nearest_neighbors_of(context, rows[0], run, what.length, output, nil))
    return run
  end,
}

return kinds
