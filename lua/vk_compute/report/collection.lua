--- What there is to say of embeddings before anything is computed with them: zero rows, norms, duplicates, what all
-- have in common.
-- @module vk_compute.report.collection

local ffi = require("ffi")
local disjoint_sets = require("vk_compute.report.disjoint_sets")
local advice = require("vk_compute.report.advice")
local similarity_rows = require("vk_compute.report.rows")
local xxhash = require("vk_compute.system.xxhash")

local collection = {}

-- Ids, or groups of them, that are shown of many.
local SHOWN = 10
-- Neighbours of each item that are looked at for near-duplicates; where all of them are, its whole row.
local NEIGHBORS = 8

-- Norms, the rows that are zero, and the length of the mean unit vector: in float64.
local function measure_norms(data, n, d)
  local zero, mean_unit, norm_of = {}, ffi.new("double[?]", d), ffi.new("double[?]", n)
  local least, greatest, sum = math.huge, 0, 0
  for i = 0, n - 1 do
    local row = data + i * d
    local square = 0
    for k = 0, d - 1 do square = square + row[k] * row[k] end
    local norm = math.sqrt(square)
    norm_of[i] = norm
    if norm == 0 then
      zero[#zero + 1] = i
    else
      least, greatest = math.min(least, norm), math.max(greatest, norm)
      sum = sum + norm
      for k = 0, d - 1 do mean_unit[k] = mean_unit[k] + row[k] / norm end
    end
  end
  local length = 0
  for k = 0, d - 1 do length = length + (mean_unit[k] / n) ^ 2 end
  local count = n - #zero
  if count == 0 then return zero, nil, 0 end
  local mean, deviations = sum / count, 0
  for i = 0, n - 1 do
    if norm_of[i] > 0 then deviations = deviations + (norm_of[i] - mean) ^ 2 end
  end
  local norms = {
    least = least, mean = mean, greatest = greatest, standard_deviation = math.sqrt(deviations / count),
  }
  return zero, norms, math.sqrt(length)
end

-- For each item the first that has the same bytes.
local function find_duplicates(data, n, d)
  local first_with, original = {}, ffi.new("uint32_t[?]", n)
  for i = 0, n - 1 do
    local row = data + i * d
    local key = xxhash.hex64(row, 4 * d)
    local bytes = first_with[key] and ffi.string(row, 4 * d)
    -- Rows with one hash that differ are not to be expected; they would count as different.
    if bytes and bytes == ffi.string(data + first_with[key] * d, 4 * d) then
      original[i] = first_with[key]
    else
      first_with[key], original[i] = i, i
    end
  end
  return original
end

-- Groups of items from a forest: parent[i] <= i, and a root is its own parent.
local function groups_of(parent, n, is_left_out)
  local members, roots = {}, {}
  for i = 0, n - 1 do
    local root = i
    while parent[root] ~= root do root = parent[root] end
    parent[i] = root
    if not is_left_out[i] then
      if not members[root] then
        members[root] = {}
        roots[#roots + 1] = root
      end
      local group = members[root]
      group[#group + 1] = i
    end
  end
  local result = { groups = 0, items = 0, largest_group = 0, first_groups = {} }
  for _, root in ipairs(roots) do
    local size = #members[root]
    if size > 1 then
      result.groups, result.items = result.groups + 1, result.items + size
      result.largest_group = math.max(result.largest_group, size)
      if result.groups <= SHOWN then
        result.first_groups[result.groups] = { items = size, ids = { unpack(members[root], 1, SHOWN) } }
      end
    end
  end
  return result
end

-- Joins all items whose cosine is above the threshold.
local function find_near_duplicates(o, original)
  local n = o.embeddings.n
  local parent = ffi.new("uint32_t[?]", n)
  disjoint_sets.separate(parent, n)
  if n == 1 then return parent end
  local k = math.min(NEIGHBORS, n - 1)
  local ids, cosines = o.context:compute_nearest_neighbors(k, { as = "view", progress = o.progress })
  local row_of, looked_at = similarity_rows.of_few(o.context, n), {}
  for i = 0, n - 1 do
    local first = i * k
    for place = first, first + k - 1 do
      if cosines.data[place] <= o.threshold then break end
      disjoint_sets.join(parent, i, ids.data[place])
    end
    -- There may be more than were asked for. The row of a duplicate would tell nothing new.
    if k < n - 1 and cosines.data[first + k - 1] > o.threshold and not looked_at[original[i]] then
      looked_at[original[i]] = true
      local row = row_of(i)
      for j = 0, n - 1 do
        if j ~= i and row.data[j] > o.threshold then disjoint_sets.join(parent, i, j) end
      end
      o.progress(n, n)
    end
  end
  return parent
end

--- Describes embeddings.
-- @tparam table o
--
-- - `embeddings`: `data` (`float*`), `n`, `d`
-- - `context`: to which they are uploaded, not centred
-- - `threshold`: near-duplicates have a cosine above it
-- - `progress`: function (done, total), called now and then; what it raises ends the work
-- @treturn table
--
-- - `n`, `d`; `zero_rows`: their ids
-- - `norms`: `least`, `mean`, `greatest`, `standard_deviation` of the rows that are not zero, nil where all are;
--   `weighted`: whether they differ so much that they count in walks
-- - `duplicates`, `near_duplicates`: `groups` and `items` (their numbers), `largest_group` (items), `first_groups`
--   (each `items`, their number, and `ids`; of many groups the first ten, of large ones the first ten ids).
--   Duplicates have the same bytes; near-duplicates are joined by cosines above `near_duplicates.threshold`,
--   directly or through others. Zero rows are among neither
-- - `mean_unit_vector_length`: 0 where the directions of all even out, 1 where all are one
-- - `centering_advised`, `advice`: a sentence
function collection.describe(o)
  local embeddings = o.embeddings
  local data, n, d = embeddings.data, embeddings.n, embeddings.d
  local zero, norms, mean_length = measure_norms(data, n, d)
  local is_zero = {}
  for _, id in ipairs(zero) do is_zero[id] = true end
  local original = find_duplicates(data, n, d)
  local near = groups_of(find_near_duplicates(o, original), n, is_zero)
  near.threshold = o.threshold
  local result = {
    n = n, d = d, zero_rows = zero, norms = norms, weighted = o.context:embeddings_info().weighted,
    duplicates = groups_of(original, n, is_zero), near_duplicates = near, mean_unit_vector_length = mean_length,
  }
  -- The square of the mean's length is the mean of all cosines, those of items with themselves among them.
  local sum_of_others = (n * mean_length) ^ 2 - (n - #zero)
  result.centering_advised, result.advice = advice.on_centring(n, sum_of_others / math.max(1, n * (n - 1)))
  return result
end

return collection
