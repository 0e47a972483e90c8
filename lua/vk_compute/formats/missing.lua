--- Items without an embedding: listed and refused, or left out where the caller says so.
-- @module vk_compute.formats.missing

local fail = require("vk_compute.system.fail")

local missing = {}

-- How many a message names.
local NAMED = 10

local Missing = {}
Missing.__index = Missing

--- An empty list.
-- @tparam boolean are_left_out whether the caller wants to go on without them
function missing.new(are_left_out)
  return setmetatable({ list = {}, count = 0, are_left_out = are_left_out }, Missing)
end

--- Notes one.
-- @tparam table entry `item` (its number, from 0), `line` and, where there is one, `id`
function Missing:add(entry)
  self.count = self.count + 1
  if self.are_left_out or self.count <= NAMED then self.list[self.count] = entry end
end

--- Forgets all but the first ones.
function Missing:shorten(count)
  for k = #self.list, count + 1, -1 do self.list[k] = nil end
  self.count = count
end

--- An id in words.
function missing.id_text(id)
  if type(id) == "number" then return ("id %.14g"):format(id) end
  return ('id "%.60s"'):format((id:gsub("%c", "?")))
end

--- Them in words, by id, else by place.
-- @tparam function place_of gives an entry's place in words
function Missing:names(place_of)
  local names = {}
  for k = 1, math.min(NAMED, self.count) do
    local entry = self.list[k]
    names[k] = entry.id ~= nil and ("%s (%s)"):format(missing.id_text(entry.id), place_of(entry)) or place_of(entry)
  end
  if self.count > NAMED then names[NAMED + 1] = ("and %.0f more"):format(self.count - NAMED) end
  return table.concat(names, ", ")
end

--- Raises where there are such and they are not left out.
-- @tparam string path
-- @tparam number items how many there are in all
-- @tparam function place_of
-- @tparam[opt] string more to say
function Missing:refuse(path, items, place_of, more)
  if self.count == 0 or self.are_left_out then return end
  fail("%s: %.0f of %.0f items have no embedding: %s (items from 0). Compute these embeddings, or leave "
    .. "the items out with skip_missing (--skip-missing): ids then are the numbers of the items kept%s",
    path, self.count, items, self:names(place_of), more or "")
end

--- What a description says of those left out; "" where there are none.
function Missing:details(items, place_of, more)
  if self.count == 0 then return "" end
  return ("; %.0f of %.0f items have no embedding and are left out: %s (items from 0). Ids are the numbers of the "
    .. "items kept%s"):format(self.count, items, self:names(place_of), more or "")
end

return missing
