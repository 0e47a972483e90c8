--- The twin of a cache of neighbours: another file of the same shape, with the similarity of each neighbour.
--
-- It is a cache like any other: it grows, is gone on with, verified and repaired by itself. Its rows are computed
-- from the ids, which must be finished first.
-- @module vk_compute.cache.twin

local layout = require("vk_compute.cache.layout")
local metadata = require("vk_compute.cache.metadata")

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
    and what.length == ids.length and what.shard == ids.shard
end

--- Why a twin cannot be one of the neighbours beside it.
-- @tparam string path of the twin
-- @tparam table what its identity
-- @treturn string nil where they belong together, or where it cannot be told: of neighbours that are not finished
function twin.problem(path, what)
  local of = twin.ids_path(path)
  if not of then
    return ("%s: the name of similarities ends in %s.npy, behind that of their neighbours"):format(path, twin.SUFFIX)
  end
  local ids = metadata.read(layout.paths(of).metadata)
  if ids and ids.kind == "neighbors" and not twin.is_of(what, ids) then
    return ("%s does not belong to the neighbours in %s: remove it, and compute it again with neighbors --similarities")
      :format(path, of)
  end
end

return twin
