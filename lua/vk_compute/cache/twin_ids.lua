--- The ids that a twin's rows are computed from.
-- @module vk_compute.cache.twin_ids

local fail = require("vk_compute.system.fail")
local reader = require("vk_compute.cache.reader")
local twin = require("vk_compute.cache.twin")

--- Opens them.
-- @tparam string path of the twin
-- @tparam table what its identity
-- @treturn function (row) -> `uint32_t*`: the neighbours of that item
return function(path, what)
  local of = twin.ids_path(path)
  if not of then
    fail("%s: the name of similarities ends in %s.npy, behind that of their neighbours", path, twin.SUFFIX)
  end
  local ids = reader.load(of, nil, "neighbors")
  if not twin.is_of(what, ids) then fail("%s does not hold the neighbours that %s belongs to", of, path) end
  return function(row) return ids:row(row, { as = "view" }).data end
end
