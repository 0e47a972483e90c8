--- What to do about a damaged cache, as a command.
-- @module vk_compute.cache.repair_hint

local printable = require("vk_compute.system.printable")

local function word(file, otherwise)
  return file and printable.shell_word(file) or otherwise
end

--- @tparam string path the cache
-- @tparam table what its identity
-- @tparam[opt] table embeddings what it was made from, where that is known: their `path`, and their `queries`
-- with theirs
-- @treturn string
return function(path, what, embeddings)
  embeddings = embeddings or {}
  local queries = what.queries and " --queries " .. word((embeddings.queries or {}).path, "QUERIES") or ""
  return ("put it right with vulkan-compute verify %s %s%s --repair"):format(
    word(embeddings.path, "EMBEDDINGS"), printable.shell_word(path), queries)
end
