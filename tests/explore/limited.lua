-- Makes a page that may take so many bytes only: as if there were very many items.
--
-- usage: luajit limited.lua BYTES EMBEDDINGS TEXTS PAGE DEVICE   (from the root)

package.path = "lua/?.lua;" .. package.path
local explore = require("vk_compute.cli.explore")
require("vk_compute.cli.command").run(function()
  return explore.main({ EMBEDDINGS = arg[2], texts = arg[3], output = arg[4], device = arg[5], cache = {} },
    tonumber(arg[1]))
end)
