--- The lists that an explorer page shows of every item: its neighbours, and its sequences by several orders.
-- @module vk_compute.explore.lists

local cache = require("vk_compute.cache")
local fail = require("vk_compute.system.fail")
local ffi = require("ffi")

local lists = {}

-- What to compare, for those who have to choose.
local SHOWN = {
  { kind = "neighbors", centered = false },
  { kind = "diversity", order = "toward", lambda = 0.7, centered = false },
  { kind = "diversity", order = "away", lambda = 1, centered = false },
  { kind = "diversity", order = "away", lambda = 0.5, centered = true },
  { kind = "diversity", order = "centroid", centered = true },
  { kind = "diversity", order = "centroid", centered = false },
  { kind = "diversity", order = "away", lambda = 0.5, centered = false },
  { kind = "diversity", order = "toward", lambda = 0.7, centered = true },
}

-- Rows of a cache that are compared with those computed anew.
local COMPARED = 16

local function is_same(list, other)
  return list.kind == other.kind and list.order == other.order and list.lambda == other.lambda
    and list.centered == other.centered
end

local function add_cache(all, path, embeddings)
  local opened = cache.load(path, { embeddings = embeddings })
  if opened.kind ~= "diversity" and opened.kind ~= "neighbors" then
    fail("%s holds no walks and no neighbours: a page shows lists of ids", path)
  end
  local is_walk = opened.kind == "diversity"
  local own = {
    kind = opened.kind, order = is_walk and opened.order or nil, lambda = is_walk and opened.lambda or nil,
    centered = opened.centered, cache = opened, picks = opened.length - (is_walk and 1 or 0),
  }
  for k, list in ipairs(all) do
    if is_same(list, own) then
      if list.cache then fail("%s and %s hold the same lists: give one of them", list.cache.path, path) end
      all[k] = own
      return
    end
  end
  all[#all + 1] = own
end

--- Which lists there will be: the usual ones, and those of caches, which take the place of the usual one that is
-- made in the same way.
-- @tparam {string,...} caches their paths
-- @tparam table embeddings of which they must be made
-- @treturn {table,...} each with `kind` ("neighbors", "diversity"), `order`, `lambda`, `centered`, and of a cache
-- `cache` and `picks`, how many it has
function lists.choose(caches, embeddings)
  local all = {}
  for k, list in ipairs(SHOWN) do all[k] = list end
  for _, path in ipairs(caches) do add_cache(all, path, embeddings) end
  return all
end

local function compute(context, list, starts, length, progress)
  return (context:compute_all_diversity_sequences({
    starts = starts, length = length, order = list.order, lambda = list.lambda, as = "view", progress = progress,
  }))
end

-- The first ids of some rows, as computed: those that a cache should have.
local function compute_some(context, list, rows, picks)
  local found = {}
  if list.kind == "diversity" then
    local walks = compute(context, list, rows, picks + 1)
    for k = 1, #rows do found[k] = walks[k - 1].data + 1 end
    return found, walks
  end
  local kept = {}
  for k, row in ipairs(rows) do
    kept[k] = context:compute_nearest_neighbors(picks, { first = row, count = 1, similarities = false, as = "view" })
    found[k] = kept[k].data
  end
  return found, kept
end

local function check(context, list, ids, n, picks)
  local rows = {}
  for k = 1, math.min(COMPARED, n) do rows[k] = math.floor((k - 1) * n / math.min(COMPARED, n)) end
  local expected, kept = compute_some(context, list, rows, picks)
  for k, row in ipairs(rows) do
    if ffi.string(expected[k], 4 * picks) ~= ffi.string(ids + row * picks, 4 * picks) then
      fail("row %.0f of %s is not what these embeddings give: verify and repair it (vulkan-compute verify .. --repair)",
        row, list.cache.path)
    end
  end
  return kept
end

local function read(list, n, picks, progress)
  local first = list.kind == "diversity" and 1 or 0
  local ids = ffi.new("uint32_t[?]", n * picks)
  for row = 0, n - 1 do
    ffi.copy(ids + row * picks, list.cache:row(row, { as = "view" }).data + first, 4 * picks)
    progress(row + 1, n)
  end
  return ids
end

--- The first picks of every item's list.
-- @tparam Context context to which the embeddings are uploaded, centred where the list is
-- @tparam table list as from choose. The rows of a cache are compared with their checksums, and some with what is
-- computed
-- @tparam number n
-- @tparam number picks
-- @tparam function progress (done, total)
-- @treturn cdata `uint32_t[]`, n x picks
function lists.ids_of(context, list, n, picks, progress)
  if list.cache then
    local ids = read(list, n, picks, progress)
    check(context, list, ids, n, picks)
    return ids
  end
  local ids = ffi.new("uint32_t[?]", n * picks)
  if list.kind == "neighbors" then
    context:compute_nearest_neighbors(picks, { into = ids, progress = progress })
    return ids
  end
  local walks = compute(context, list, nil, picks + 1, progress)
  for row = 0, n - 1 do ffi.copy(ids + row * picks, walks.data + row * (picks + 1) + 1, 4 * picks) end
  return ids
end

return lists
