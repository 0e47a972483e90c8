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
  local problem = twin.problem(path, what)
  if problem then fail("%s", problem) end
  local ids = reader.load_rows(twin.ids_path(path), "neighbors")
  return function(row) return ids:row(row, { as = "view" }).data end
end
