--- Rows whose length makes results other than expected: all-zero ones, and norms that are very far apart.
-- @module vk_compute.formats.norms

local ffi = require("ffi")

local norms = {}

-- The weight of an item in a centroid is its norm by the greatest one, in steps of 2^-30. From this ratio on a weight
-- has fewer than about a hundred steps left.
local RATIO = 1e7

-- Four sums: one after another, additions would wait for each other.
local function norm_of_row(row, d)
  local a, b, c, e = 0, 0, 0, 0
  local fours = d - d % 4
  for k = 0, fours - 4, 4 do
    a, b, c, e = a + row[k] * row[k], b + row[k + 1] * row[k + 1], c + row[k + 2] * row[k + 2],
      e + row[k + 3] * row[k + 3]
  end
  for k = fours, d - 1 do a = a + row[k] * row[k] end
  return math.sqrt((a + b) + (c + e))
end

--- Measures rows.
-- @param data `float*`, all rows
-- @tparam number first
-- @tparam number count
-- @tparam number d
-- @param norm_of `double*`, the norms of all rows: those measured are written
function norms.measure(data, first, count, d, norm_of)
  for row = first, first + count - 1 do norm_of[row] = norm_of_row(data + row * d, d) end
end

--- Looks at the norms of all rows.
-- @param norm_of `double*`
-- @tparam number n
-- @treturn table
--
-- - `zero_rows`: numbers of the rows of which every number is 0
-- - `outlier`: nil, or where norms are further apart than weights allow: `row`, the one with the greatest norm,
--   `ratio` to the least one that is not 0, and `count` of the others that are too small beside it
function norms.look(norm_of, n)
  local zero_rows, greatest, least, outlier_row = {}, 0, math.huge, nil
  for row = 0, n - 1 do
    local norm = norm_of[row]
    if norm == 0 then
      zero_rows[#zero_rows + 1] = row
    else
      if norm > greatest then greatest, outlier_row = norm, row end
      if norm < least then least = norm end
    end
  end
  if greatest < RATIO * least then return { zero_rows = zero_rows } end
  local count = 0
  for row = 0, n - 1 do
    if norm_of[row] > 0 and norm_of[row] * RATIO <= greatest then count = count + 1 end
  end
  return { zero_rows = zero_rows, outlier = { row = outlier_row, ratio = greatest / least, count = count } }
end

--- Takes rows out; those behind them move up.
-- @param data `float*`, n x d
-- @tparam {number,...} rows in order
-- @treturn number how many are left
function norms.take_out(data, n, d, rows)
  local kept, next_out = rows[1] or n, 1
  for row = kept, n - 1 do
    if row == rows[next_out] then
      next_out = next_out + 1
    else
      ffi.copy(data + kept * d, data + row * d, 4 * d)
      kept = kept + 1
    end
  end
  return kept
end

-- How many rows a message names.
local NAMED = 10

--- Rows in words: "7, 9", or "0, 1, ... (300 in all)".
-- @tparam {number,...} rows
-- @tparam[opt] table ids what the items are called, `ids[k]` that of row k - 1
function norms.list(rows, ids)
  local names = {}
  for k = 1, math.min(NAMED, #rows) do
    local id = ids and ids[rows[k] + 1]
    names[k] = id ~= nil and ("%.0f (id %s)"):format(rows[k], id) or ("%.0f"):format(rows[k])
  end
  return table.concat(names, ", ") .. (#rows > NAMED and (", ... (%.0f in all)"):format(#rows) or "")
end

return norms
