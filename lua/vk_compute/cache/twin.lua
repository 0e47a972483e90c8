--- The twin of a cache of neighbours: another file of the same shape, with the similarity of each neighbour.
--
-- It is a cache like any other: it grows, is gone on with, verified and repaired by itself. Its rows are computed
-- from the ids, which must be finished first.
-- @module vk_compute.cache.twin

local twin = {
  SUFFIX = ".similarities",
}

--- Where the twin of a cache of neighbours is: NAME.similarities.npy beside NAME.npy.
function twin.path(path)
  local name = path:match("^(.*)%.npy$")
  return name and name .. twin.SUFFIX .. ".npy" or path .. twin.SUFFIX
end

--- The cache of neighbours whose twin is at a path, or nil where no name of such a cache makes that one.
function twin.ids_path(path)
  local name = path:match("^(.*)%.npy$") or path
  local base = name:sub(-#twin.SUFFIX) == twin.SUFFIX and name:sub(1, -#twin.SUFFIX - 1)
  return base and (name == path and base or base .. ".npy") or nil
end

--- Whether a twin was made from the same as some ids: both are identities.
function twin.is_of(what, ids)
  return what.embeddings_checksum == ids.embeddings_checksum and what.centered == ids.centered
    and what.length == ids.length
end

return twin
