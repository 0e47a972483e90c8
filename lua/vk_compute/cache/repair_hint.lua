--- What to do about a damaged cache, as a command.
-- @module vk_compute.cache.repair_hint

local printable = require("vk_compute.system.printable")

--- @tparam string path the cache
-- @tparam[opt] string embeddings the file it was made from, where that is known
-- @treturn string
return function(path, embeddings)
  return ("put it right with vulkan-compute verify %s %s --repair"):format(
    embeddings and printable.shell_word(embeddings) or "EMBEDDINGS", printable.shell_word(path))
end
