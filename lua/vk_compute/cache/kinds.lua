--- The kinds of cache: what their rows are, how a row is computed, and what a row can be.
--
-- A kind is a table of
--
-- - `rows`: what they are, in words; `member`: the same as a name in JSON
-- - `work`: what Context:plan_memory calls it
-- - `format`: the first member of its metadata; `title`: the first line of what its fingerprint is of
-- - `option`: how users say how many ids a row has; `example`: a file name
-- - `most_ids` and `default_ids`: function (n) -> ids of a row; `surplus`: what to say of more
-- - `first_pick`: the place in a row, from 0, of the first id that was chosen for it; nil where rows hold no ids
-- - `new_check`: function (n, length) -> a check of rows, see row_check.lua
-- - `descr`: of the elements, as NumPy writes it: "<u4" (default) or "<f4"
-- - `has_queries`: whether rows are of queries, which come as `queries` of the embeddings
-- - `is_twin`: whether its rows are computed from those of another cache, see twin.lua
-- - `compute`: function (context, rows, count, what, output, more) -> how many of the rows it computed, at least one,
--   in about half a second; rows and output are `uint32_t*`, `what` is the identity; `more`: `ids_of` of a twin,
--   `queries`, those of the embeddings, and `planned`, how many rows are wanted in all, these and further ones
-- @module vk_compute.cache.kinds

local ffi = require("ffi")
local row_check = require("vk_compute.cache.row_check")

local kinds = {}

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
  first_pick = 1,
  new_check = row_check.walk,
  compute = function(context, rows, count, what, output, more)
    local order, lambda = what.order, what.lambda
    count = math.min(count, context:recommended_batch(what.length, { order = order, lambda = lambda }))
    context:compute_diversity_sequences(rows, what.length,
      { count = count, into = output, order = order, lambda = lambda, planned = more.planned })
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
  first_pick = 0,
  new_check = row_check.neighbors,
  compute = function(context, rows, count, what, output)
    local most = math.min(count, context:recommended_neighbors_batch(what.length))
    local run = 1
    while run < most and rows[run] == rows[0] + run do run = run + 1 end
    context:compute_nearest_neighbors(what.length, { first = rows[0], count = run, into = output })
    return run
  end,
}

kinds.nearest = {
  rows = "nearest items of queries",
  member = "nearest",
  work = "upload",
  format = "vulkan_compute nearest items of queries cache",
  title = "nearest items of queries cache",
  option = "--k",
  example = "nearest.npy",
  most_ids = function(n) return n end,
  default_ids = function(n) return math.min(DEFAULT_NEIGHBORS, n) end,
  surplus = kinds.diversity.surplus,
  new_check = row_check.nearest,
  has_queries = true,
  compute = function(context, rows, count, what, output, more)
    local queries = more.queries
    -- It follows the speed, not the number of neighbours.
    local most = math.min(count, what.n > 1 and context:recommended_neighbors_batch(1) or count)
    local run = 1
    while run < most and rows[run] == rows[0] + run do run = run + 1 end
    context:find_nearest(what.length, queries.data + rows[0] * queries.d, run, queries.d,
      { into = output, as = "view" })
    return run
  end,
}

-- Pairs that take far below half a second.
local PAIRS_AT_ONCE = 2e5

kinds.similarities = {
  rows = "similarities of nearest neighbours",
  member = "similarities",
  work = "upload",
  format = "vulkan_compute neighbor similarities cache",
  title = "neighbor similarities cache",
  option = "--k",
  example = "neighbors.similarities.npy",
  most_ids = kinds.neighbors.most_ids,
  default_ids = kinds.neighbors.default_ids,
  surplus = kinds.neighbors.surplus,
  new_check = row_check.similarities,
  descr = "<f4",
  is_twin = true,
  compute = function(context, rows, count, what, output, more)
    local k = what.length
    count = math.max(1, math.min(count, math.floor(PAIRS_AT_ONCE / k)))
    local first, second = ffi.new("uint32_t[?]", count * k), ffi.new("uint32_t[?]", count * k)
    for r = 0, count - 1 do
      ffi.copy(second + r * k, more.ids_of(rows[r]), 4 * k)
      for place = r * k, r * k + k - 1 do first[place] = rows[r] end
    end
    context:compute_pair_similarities(first, second, { into = ffi.cast("float *", output), as = "view" })
    return count
  end,
}

return kinds
