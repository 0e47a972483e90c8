--- Items as people know them: by ids of their own, where there are any, and by their texts.
--
-- An index is an item's place in the file of embeddings, from 0. An id is what the file of embeddings, or one of
-- texts, calls the item.
-- @module vk_compute.formats.items

local fail = require("vk_compute.system.fail")
local texts_file = require("vk_compute.formats.texts")

local items = {}

-- Before an id that would else be taken for an index.
local ID_PREFIX = "id:"

local Items = {}
Items.__index = Items

-- An id as text; numbers as people write them.
local function id_text(id)
  if type(id) == "number" and id % 1 == 0 then return ("%.0f"):format(id) end
  return tostring(id)
end

--- The items of some embeddings.
-- @tparam table embeddings as from embedding_file.read
-- @tparam[opt] string texts a file: JSONL, `{"id": .., "text": ..}` or `{"text": ..}` a line; or a text a line
-- @tparam[opt] string groups the same of what items belong to: `{"id": .., "group": ..}`, ...
-- @tparam[opt] function progress (done, total): how much of a file is read, in bytes; what it raises ends the reading
-- @treturn Items `n`; `ids`, `texts`, `groups`: lists of strings, in order, nil where there are none
-- @raise with the file's name: texts that are missing or do not fit
function items.new(embeddings, texts, groups, progress)
  local ids
  if embeddings.ids then
    ids = {}
    for k = 1, embeddings.n do ids[k] = id_text(embeddings.ids[k]) end
  end
  local self = setmetatable({ path = embeddings.path, n = embeddings.n, ids = ids }, Items)
  local function read(path, member)
    return texts_file.read(path, embeddings.n, self.ids, id_text, member, progress)
  end
  if texts then self.texts, self.ids = read(texts, "text") end
  if groups then self.groups, self.ids = read(groups, "group") end
  return self
end

-- The index of each id; true of several items' one. Made when first needed.
local function index_by_id(self)
  if not self.by_id then
    self.by_id = {}
    for k, id in ipairs(self.ids) do self.by_id[id] = self.by_id[id] and true or k - 1 end
  end
  return self.by_id
end

--- The index of the item that a user names: digits are an index, anything else an id. An id of digits is named with
-- "id:" before it.
-- @tparam string name
-- @tparam string option what to call it in messages, such as "--start"
-- @tparam[opt] string way how else ids can be given, such as "--texts FILE"
-- @treturn number
-- @raise where there is no such item, or more than one
function Items:index_of(name, option, way)
  local index = name:find("^%d+$") and tonumber(name)
  if index then
    if index >= self.n then
      local is_id = self.ids and index_by_id(self)[name]
      fail("%s %s: %s holds %.0f embeddings, with indices from 0 to %.0f%s", option, name, self.path, self.n,
        self.n - 1, is_id and (". For the item with this id write %s%s"):format(ID_PREFIX, name) or "")
    end
    return index
  end
  if not self.ids then
    fail("%s %s: items of %s have no ids: give an index, from 0 to %.0f%s", option, name, self.path, self.n - 1,
      way and not self.texts and (", or ids with " .. way) or "")
  end
  return self:index_of_id(name:sub(1, #ID_PREFIX) == ID_PREFIX and name:sub(#ID_PREFIX + 1) or name, option)
end

--- The index of the item that has an id; there must be ids.
-- @tparam string id
-- @tparam string option what to call it in messages
-- @treturn number
-- @raise where there is no such item, or more than one
function Items:index_of_id(id, option)
  local index = index_by_id(self)[id]
  if not index then
    fail("%s %s: %s has no item with this id. Such are %s", option, id, self.path,
      table.concat(self.ids, ", ", 1, math.min(3, self.n)))
  elseif index == true then
    fail("%s %s: several items of %s have this id: give the index of the one", option, id, self.path)
  end
  return index
end

--- Raises where there are no ids, or several items have the same.
function Items:require_distinct_ids()
  if not self.ids then fail("items of %s have no ids", self.path) end
  for id, index in pairs(index_by_id(self)) do
    if index == true then fail("several items of %s have the id %s: ids do not tell them apart", self.path, id) end
  end
end

--- The ids that several items have.
-- @treturn {string,...}
function Items:doubled_ids()
  local doubled, seen = {}, {}
  for _, id in ipairs(self.ids or {}) do
    if index_by_id(self)[id] == true and not seen[id] then
      seen[id], doubled[#doubled + 1] = true, id
    end
  end
  return doubled
end

--- What people call an item: its id, or where there are none, its index.
-- @tparam number index
-- @treturn string
function Items:name(index)
  return self.ids and self.ids[index + 1] or ("%.0f"):format(index)
end

--- The same of a list of indices, in a new one.
function Items:names(indices)
  local names = {}
  for k, index in ipairs(indices) do names[k] = self:name(index) end
  return names
end

--- An item's text, or nil.
function Items:text(index)
  return self.texts and self.texts[index + 1]
end

return items
