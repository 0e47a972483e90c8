--- Gives a complete NAME.partial its final name.
-- @module vk_compute.cache.publish

local files = require("vk_compute.system.files")
local metadata = require("vk_compute.cache.metadata")

--- Puts NAME.json there, and then NAME: what lies beside a NAME is always that file's.
-- @tparam table paths as from layout.paths
-- @tparam number fd of NAME.partial, which is synced here
-- @tparam table fields as for metadata.write, without `date`
return function(paths, fd, fields)
  files.sync(fd, paths.partial)
  if files.stat(paths.finished) then
    files.remove(paths.finished)
    files.sync_names(paths.finished)
  end
  metadata.write(paths.metadata, setmetatable({ date = os.date("!%Y-%m-%dT%H:%M:%SZ") }, { __index = fields }))
  files.rename(paths.partial, paths.finished)
  files.sync_names(paths.finished)
end
