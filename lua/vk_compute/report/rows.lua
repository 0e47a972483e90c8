--- The similarities of single items to all, one item after another: whatever their number, a few rows of the
-- similarity matrix are in memory at a time.
-- @module vk_compute.report.rows

local ffi = require("ffi")

local rows = {}

-- A device computes so many rows at once or none: fewer cost as much.
local ROWS_AT_ONCE = 64
local MOST_BYTES = 64 * 1024 * 1024
local PAIRS_AT_ONCE = 1e5

--- Of all items, or nearly: rows as the device computes them.
-- @tparam Context context with the embeddings
-- @tparam number n
-- @treturn function (item) -> table with `data`, `float*`: the similarities of that item to all n, valid while the
-- table is held and until the next call. Items must ascend
function rows.of_all(context, n)
  local at_once = math.max(1, math.min(ROWS_AT_ONCE, math.floor(MOST_BYTES / (4 * n))))
  local block, first, count = nil, 0, 0
  return function(item)
    if item >= first + count then
      first, count = item, math.min(at_once, n - item)
      block = context:compute_similarity_rows(first, count, { as = "view" })
    end
    return block[item - first]
  end
end

--- Of few items: pairs with each of the others, since rows far apart would be computed with many that nobody wants.
-- @tparam Context context with the embeddings
-- @tparam number n
-- @treturn function the same, of items in any order
function rows.of_few(context, n)
  local row = { data = ffi.new("float[?]", n) }
  return function(item)
    for first = 0, n - 1, PAIRS_AT_ONCE do
      local count = math.min(PAIRS_AT_ONCE, n - first)
      local same, others = ffi.new("uint32_t[?]", count), ffi.new("uint32_t[?]", count)
      for k = 0, count - 1 do same[k], others[k] = item, first + k end
      local part = context:compute_pair_similarities(same, others, { as = "view" })
      ffi.copy(row.data + first, part.data, 4 * count)
    end
    return row
  end
end

return rows
