--- Which array of a file that may hold several is meant.
-- @module vk_compute.formats.choice

local fail = require("vk_compute.system.fail")

local choice = {}

-- How many names a message lists.
local NAMED = 10

local function names_of(entries)
  local names = {}
  for k = 1, math.min(NAMED, #entries) do names[k] = entries[k].name end
  return table.concat(names, ", ") .. (#entries > NAMED and (", ... (%d in all)"):format(#entries) or "")
end

--- The array that was asked for, or the only one.
-- @tparam string path of the file
-- @tparam {table,...} entries with `name`; at least one
-- @tparam[opt] string name
-- @treturn table one of them
function choice.among(path, entries, name)
  if name then
    for _, entry in ipairs(entries) do
      if entry.name == name then return entry end
    end
    fail("%s has no array %s. It has %s", path, name, names_of(entries))
  end
  if #entries > 1 then
    fail("%s has %d arrays: %s. Say which holds the embeddings, with the option array (--array), such as --array %s",
      path, #entries, names_of(entries), entries[1].name)
  end
  return entries[1]
end

return choice
