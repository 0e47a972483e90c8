--- Disjoint sets of items, in an array `uint32_t[n]` of parents: parent[i] <= i, and a root, the lowest item of a
-- set, is its own parent.
-- @module vk_compute.report.disjoint_sets

local disjoint_sets = {}

--- Makes each of n items a set of its own.
function disjoint_sets.separate(parent, n)
  for i = 0, n - 1 do parent[i] = i end
end

local function root_of(parent, i)
  while parent[i] ~= i do
    parent[i] = parent[parent[i]]
    i = parent[i]
  end
  return i
end

--- Joins the sets of two items.
-- @treturn boolean whether they were two
function disjoint_sets.join(parent, i, j)
  local a, b = root_of(parent, i), root_of(parent, j)
  if a == b then return false end
  parent[math.max(a, b)] = math.min(a, b)
  return true
end

return disjoint_sets
