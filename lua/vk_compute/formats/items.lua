--- Items as people know them: by ids of their own, where there are any, and by their texts.
--
-- An index is an item's place in the file of embeddings, from 0. An id is what the file of embeddings, or one of
-- texts, calls the item.
-- @module vk_compute.formats.items

local json = require("vk_compute.system.json")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")

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

local function decode(line, path, number)
  local ok, item = pcall(json.decode, line)
  if not ok or type(item) ~= "table" or type(item.text) ~= "string" then
    fail('%s, line %d: is not {"text": ...} or {"id": ..., "text": ...}, as the first line is', path, number)
  end
  return item
end

-- The lines of a file: tables with `text`, and `id` where they have one. Whether they are JSON the first one tells.
local function read_texts(path)
  local info = files.stat(path)
  if not info then fail("%s: there is no such file", path) end
  if not files.is_regular(info) then fail("%s is no file of texts", path) end
  local list, is_json, number = {}, nil, 0
  for line in io.lines(path) do
    number = number + 1
    line = line:gsub("\r$", "")
    if is_json == nil then is_json = line:find("^%s*{") ~= nil end
    if not is_json then
      list[#list + 1] = { text = line }
    elseif line:find("%S") then
      list[#list + 1] = decode(line, path, number)
    end
  end
  return list
end

local function have_ids(list)
  for _, item in ipairs(list) do
    if item.id == nil or item.id == json.null then return false end
  end
  return list[1] ~= nil
end

-- Texts in the order of the embeddings: by id where both have ids, else line by line.
local function sort_texts(list, path, ids, n)
  local texts = {}
  if ids and have_ids(list) then
    local by_id = {}
    for _, item in ipairs(list) do by_id[id_text(item.id)] = item.text end
    for k = 1, n do
      texts[k] = by_id[ids[k]]
      if not texts[k] then fail("%s has no text for the item %s (index %.0f)", path, ids[k], k - 1) end
    end
    return texts, ids
  end
  if #list ~= n then
    fail("%s has %.0f texts, and there are %.0f embeddings: give a text for each, in their order, or ids in both files",
      path, #list, n)
  end
  for k, item in ipairs(list) do texts[k] = item.text end
  if have_ids(list) then
    ids = {}
    for k, item in ipairs(list) do ids[k] = id_text(item.id) end
  end
  return texts, ids
end

--- The items of some embeddings.
-- @tparam table embeddings as from embedding_file.read
-- @tparam[opt] string texts a file: JSONL, `{"id": .., "text": ..}` or `{"text": ..}` a line; or a text a line
-- @treturn Items `n`; `ids`, `texts`: lists of strings, in order, nil where there are none
-- @raise with the file's name: texts that are missing or do not fit
function items.new(embeddings, texts)
  local ids
  if embeddings.ids then
    ids = {}
    for k = 1, embeddings.n do ids[k] = id_text(embeddings.ids[k]) end
  end
  local self = setmetatable({ path = embeddings.path, n = embeddings.n, ids = ids }, Items)
  if texts then self.texts, self.ids = sort_texts(read_texts(texts), texts, ids, embeddings.n) end
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
-- @treturn number
-- @raise where there is no such item, or more than one
function Items:index_of(name, option)
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
    fail("%s %s: items of %s have no ids: give an index, from 0 to %.0f", option, name, self.path, self.n - 1)
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
