--- Embeddings in JSON or JSONL, as models and programs give them.
--
-- - `{"embeddings": [ITEM, ...], ...}`: Ollama's /api/embed, and collections with metadata
-- - `{"embedding": [numbers], ...}`: Ollama's /api/embeddings, one item
-- - `[ITEM, ...]`: a bare list
-- - JSONL: an ITEM, or an answer of /api/embed, a line
--
-- No file is taken for that of one program: read_outer_object and read_first_array go by the keys and brackets
-- they meet, and ITEMs may be of either form, all of one file alike.
--
-- An ITEM is an array of numbers or an object with one under "embedding", and maybe an "id" and a
-- "poem_index". Other keys are skipped, and keys may come in any order. An item without an embedding
-- (none, null, or an empty array) is missing. Text becomes floats as it is read: memory is that of the
-- floats.
--
-- Results name an item by its place. So a "poem_index" must be the item's place in the file, counted from
-- 0, those that are missing included, and all objects have one or none has. An "id" is not used in
-- results: one that is repeated is told, but not refused.
-- @module vk_compute.formats.json

local conversion = require("vk_compute.formats.conversion")
local fail = require("vk_compute.system.fail")
local float32 = require("vk_compute.formats.float32")
local json_scanner = require("vk_compute.formats.json_scanner")
local new_float_list = require("vk_compute.formats.float_list")

local json = { name = "JSON, JSONL", extensions = { "json", "jsonl", "ndjson" } }

local BOUND = float32.BOUND
local END = json_scanner.END
local QUOTE, COMMA, MINUS, ZERO, NINE = 34, 44, 45, 48, 57
local OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE = 91, 93, 123, 125
local LOWER_N = 110
-- How many missing items, or keys, a message names.
local NAMED = 10

--- Whether a file begins like JSON. Binary numbers may begin with a bracket by chance; such have bytes
-- near it that no text has.
function json.recognises(file)
  local text = file.head:gsub("^\239\187\191", ""):match("^%s*([%[{].*)")
  if not text or text:sub(1, 16):find("[%z\1-\8\11\12\14-\31]") then return false end
  return text:find(text:byte() == OPEN_BRACE and '^{%s*["}]' or "^%[%s*[%[%]{%-%dnNI]") ~= nil
    or not text:find("^.%s*%S")
end

-- Decodes base64 of float32 wherever it stands under "embedding".
local BASE64_DECODING = '[numpy.frombuffer(base64.b64decode(text), "<f4") for text in '
  .. 're.findall(r"\\"embedding\\"\\s*:\\s*\\"([^\\"]*)\\"", open(sys.argv[1]).read())]'

-- Filters of jq that change every "embedding" of a file, wherever it stands.
local OBJECT_TO_ARRAY = 'walk(if type == "object" and (.embedding | type) == "object" then .embedding |= '
  .. '(to_entries | sort_by(.key | tonumber) | map(.value)) else . end)'
local FIRST_OF_NESTED = 'walk(if type == "object" and (.embedding | type) == "array" and '
  .. '(.embedding[0] | type) == "array" then .embedding |= .[0] else . end)'

local Reader = {}
Reader.__index = Reader

local function id_text(id)
  if type(id) == "number" then return ("id %.14g"):format(id) end
  return ('id "%.60s"'):format((id:gsub("%c", "?")))
end

local function poem_index_text(value)
  return type(value) == "number" and ("%.17g"):format(value) or ("%.60s"):format((value:gsub("%c", "?")))
end

local function item_text(item)
  if item.id == nil then return ("item %.0f"):format(item.index) end
  return ("item %.0f (%s)"):format(item.index, id_text(item.id))
end

-- ---- One embedding -------------------------------------------------------------------------------

function Reader:fail_number(item, column)
  local scanner = self.scanner
  if item.has_key and column == 0 and scanner:peek() == OPEN_BRACKET then
    scanner:fail_at(scanner:offset(), "the embedding of %s is an array in an array, as llama.cpp's /embedding gives:"
      .. " take the first of them: %s", item_text(item), conversion.jq(scanner.file.path, FIRST_OF_NESTED, "out.json"))
  end
  local word = scanner:word()
  if word == "null" or word == "NaN" or word == "Infinity" then
    scanner:fail_at(scanner:offset(), "number %.0f of %s, both from 0, is %s: compute this embedding again",
      column, item_text(item), word)
  end
  scanner:fail_expected(("number %.0f of %s, both from 0,"):format(column, item_text(item)))
end

-- The numbers of an array whose bracket is taken go behind those of the items kept so far.
function Reader:read_numbers(item)
  local scanner, list = self.scanner, self.list
  local first = self.n * (self.d or 0)
  local count = 0
  local c = scanner:peek()
  if c == CLOSE_BRACKET then
    scanner:take()
    return 0
  end
  while true do
    if not (c == MINUS or c >= ZERO and c <= NINE) then self:fail_number(item, count) end
    local offset = scanner:offset()
    local value = scanner:number()
    if not (value < BOUND and value > -BOUND) then
      scanner:fail_at(offset, "number %.0f of %s, both from 0, is too large for float32: scale the embeddings",
        count, item_text(item))
    end
    if first + count >= list.capacity then list:grow(first + count) end
    list.data[first + count] = value
    count = count + 1
    c = scanner:peek()
    if c == CLOSE_BRACKET then break end
    if c ~= COMMA then scanner:fail_expected("a comma or ']'") end
    scanner:take()
    c = scanner:peek()
  end
  if count ~= (self.d or count) then
    scanner:fail_at(scanner:offset(), "%s has %.0f numbers, but those before it have %.0f: embeddings "
      .. "of one file must come from one model", item_text(item), count, self.d)
  end
  scanner:take()
  return count
end

-- Refuses what is no array of numbers. Some programs are known for what they write instead.
function Reader:fail_embedding(item, c)
  local scanner, path = self.scanner, self.scanner.file.path
  if c == QUOTE then
    scanner:fail_at(scanner:offset(), 'the embedding of %s is a string, maybe of base64: ask for numbers '
      .. '("encoding_format": "float"), or decode them: %s', item_text(item),
      conversion.python(path, "base64, re", BASE64_DECODING))
  elseif c == OPEN_BRACE then
    scanner:fail_at(scanner:offset(), "the embedding of %s is an object, as JSON.stringify makes of a Float32Array:"
      .. " write Array.from(embedding), or convert the file: %s", item_text(item),
      conversion.jq(path, OBJECT_TO_ARRAY, "out.json"))
  end
  scanner:fail_expected(("an array of numbers, for %s,"):format(item_text(item)))
end

function Reader:read_embedding(item)
  local c = self.scanner:peek()
  if c == LOWER_N then
    self.scanner:literal()
    return 0
  end
  if c ~= OPEN_BRACKET then self:fail_embedding(item, c) end
  self.scanner:take()
  return self:read_numbers(item)
end

-- ---- Items ---------------------------------------------------------------------------------------

-- Takes an object whose brace is taken, and gives the keys that there are handlers for and that it has.
-- Such a key counts once: readers of JSON differ in which of two they take.
function Reader:read_object(handlers)
  local scanner, seen = self.scanner, {}
  -- Of the first item, or of what may hold a list, for a message where neither has an embedding.
  local names = self.items == 0 and {}
  scanner:each(CLOSE_BRACE, function()
    local offset = scanner:offset()
    local key = scanner:key()
    if names and #names < NAMED then names[#names + 1] = ('"%.60s"'):format(((key or "..."):gsub("%c", "?"))) end
    if not (key and handlers[key]) then return scanner:skip() end
    if seen[key] then
      scanner:fail_at(offset, 'the key "%s" is in one object twice: take one of them away', key)
    end
    seen[key] = true
    handlers[key]()
  end)
  if names and self.items == 0 then self.first_keys = names end
  return seen
end

function Reader:new_item()
  return { index = self.items, line = self.scanner.line, numbers = 0 }
end

function Reader:handlers(item)
  return {
    id = function() item.id = self.scanner:scalar() end,
    embedding = function()
      item.has_key = true
      item.numbers = self:read_embedding(item)
      if item.numbers == 0 then self.empty_count = self.empty_count + 1 end
    end,
    poem_index = function()
      local is_string, word = self.scanner:peek() == QUOTE, self.scanner:word()
      local value = self.scanner:scalar()
      item.poem_index = is_string and ('"%s"'):format(value or "...") or value or word ~= "" and word or "no number"
    end,
  }
end

-- Refuses an object whose poem_index is not the number that results give it.
function Reader:check_poem_index(item)
  local path, has = self.scanner.file.path, item.poem_index ~= nil
  if self.has_poem_index == nil then self.has_poem_index = has end
  if has ~= self.has_poem_index then
    fail("%s, line %.0f: %s has %s poem_index, but those before it have %s: give one to all items, or to none",
      path, item.line, item_text(item), has and "a" or "no", has and "none" or "one")
  end
  if has and item.poem_index ~= item.index then
    fail("%s, line %.0f: poem_index of %s is %s, but must be %.0f: results name items by their place in the "
      .. "file, so poem_index must count 0, 1, 2, ... without a gap. Sort the list by poem_index, or number it anew",
      path, item.line, item_text(item), poem_index_text(item.poem_index), item.index)
  end
end

-- Keeps an item that was read, or notes that it is missing.
function Reader:keep(item, kind)
  if kind then
    self.kind = self.kind or kind
    if kind ~= self.kind then
      self.scanner:fail_at(self.scanner:offset(), "items before %s are %s, but it is one of the %s",
        item_text(item), self.kind, kind)
    end
  end
  if kind == "objects" then self:check_poem_index(item) end
  self.items = self.items + 1
  if item.numbers == 0 then
    self.missing_count = self.missing_count + 1
    if self.keep_missing or self.missing_count <= NAMED then
      self.missing[self.missing_count] = { item = item.index, id = item.id, line = item.line }
    end
    return
  end
  self.d = item.numbers
  self.n = self.n + 1
  self.ids[self.n] = item.id
  if item.id == nil then
    self.without_id = true
    return
  end
  local before = self.item_of[item.id]
  if before then
    self.repeated = self.repeated + 1
    self.first_repeated = self.first_repeated or { item = item.index, id = item.id, before = before }
  else
    self.item_of[item.id] = item.index
  end
end

-- Takes an item. At the file's end nothing is missing after one that is in no list.
function Reader:read_item(is_outer)
  local scanner = self.scanner
  local item = self:new_item()
  local c = scanner:peek()
  if c == OPEN_BRACE then
    scanner:take()
    self:read_object(self:handlers(item))
    self:keep(item, "objects")
  elseif c == OPEN_BRACKET then
    scanner:take()
    item.numbers = self:read_numbers(item)
    self:keep(item, "arrays")
  elseif c == LOWER_N then
    scanner:literal()
    self:keep(item)
  else
    scanner:fail_expected("an embedding (an array of numbers, or an object that has one)", is_outer)
  end
end

-- ---- The file ------------------------------------------------------------------------------------

function Reader:read_list()
  self.is_list = true
  self.scanner:each(CLOSE_BRACKET, function() self:read_item() end)
end

-- An object in no other: a list with what belongs to it, or an item.
function Reader:read_outer_object()
  local scanner = self.scanner
  local item = self:new_item()
  local handlers = self:handlers(item)
  -- An answer that tells why there are none.
  function handlers.error()
    local text = scanner:peek() == QUOTE and scanner:scalar()
    if not text then scanner:skip() end
    self.answered_error = self.answered_error or text or "an error"
  end
  function handlers.embeddings()
    if scanner:peek() ~= OPEN_BRACKET then scanner:fail_expected("an array of embeddings") end
    scanner:take()
    self:read_list()
  end
  scanner:take()
  local keys = self:read_object(handlers)
  if keys.embeddings and keys.embedding then
    fail('%s has both "embeddings" and "embedding": take one of them away', scanner.file.path)
  end
  if keys.embeddings then return end
  -- An answer that is an error stands for an item of any kind.
  local is_error = keys.error and not keys.embedding
  self:keep(item, not is_error and "objects" or nil)
end

-- An array is a list of items, or the first item of JSONL. Whether it is a list.
function Reader:read_first_array()
  local scanner = self.scanner
  scanner:take()
  local c = scanner:peek()
  if c == OPEN_BRACKET or c == OPEN_BRACE or c == LOWER_N or c == CLOSE_BRACKET then
    self:read_list()
    return true
  end
  local item = self:new_item()
  item.numbers = self:read_numbers(item)
  self:keep(item, "arrays")
  return false
end

function Reader:read_file()
  local scanner = self.scanner
  local c, is_complete = scanner:peek(), false
  if c == OPEN_BRACE then
    self:read_outer_object()
  elseif c == OPEN_BRACKET then
    is_complete = self:read_first_array()
  else
    scanner:fail_expected("JSON, an object or an array,", true)
  end
  local line = scanner.line
  c = scanner:peek()
  while c ~= END do
    if is_complete then
      scanner:fail_expected("the end of the file, since the list of embeddings is complete,", true)
    end
    if scanner.line == line and c ~= OPEN_BRACE and c ~= OPEN_BRACKET then
      scanner:fail_expected("a new line", true)
    elseif scanner.line == line then
      scanner:fail_at(scanner:offset(), "a new line should follow here, before the next embeddings: %s",
        conversion.jq(scanner.file.path, ".", "out.jsonl"))
    end
    self.is_lines = true
    if c == OPEN_BRACE then self:read_outer_object() else self:read_item(true) end
    line = scanner.line
    c = scanner:peek()
  end
end

-- Missing items by id, else by place.
function Reader:list_missing()
  local names = {}
  for k = 1, math.min(NAMED, self.missing_count) do
    local entry = self.missing[k]
    local place = ("line %.0f"):format(entry.line)
    if self.is_list then place = ("item %.0f"):format(entry.item) .. (self.is_lines and ", " .. place or "") end
    names[k] = entry.id ~= nil and ("%s (%s)"):format(id_text(entry.id), place) or place
  end
  if self.missing_count > NAMED then
    names[NAMED + 1] = ("and %.0f more"):format(self.missing_count - NAMED)
  end
  return table.concat(names, ", ")
end

-- What converts an answer of OpenAI's form. Its embeddings, which were skipped, may be text.
function Reader:conversion_of_data()
  local file = self.scanner.file
  if file.head:find('"embedding"%s*:%s*"') then
    return conversion.python(file.path, "base64, re", BASE64_DECODING)
  end
  return conversion.jq(file.path, "{embeddings: .data}", "out.json")
end

function Reader:check_missing()
  local path = self.scanner.file.path
  if self.n == 0 and self.answered_error then
    fail('%s holds no embeddings, but an error: "%s"', path, self.answered_error)
  elseif self.n == 0 and self.empty_count == self.items and (self.items > 0 or self.is_list) then
    fail('%s holds no embedding: all are empty, %.0f in number. Ollama answers so where the text is under a wrong name:'
      .. ' /api/embed takes "input", /api/embeddings "prompt". Ask for them again', path, self.items)
  elseif self.n == 0 then
    local keys = table.concat(self.items > 0 and self.first_keys or {}, ", ")
    fail('%s holds no embedding, in %.0f item(s)%s: an item is an array of numbers, or an object with one '
      .. 'under "embedding"; a list of items may be under "embeddings"%s', path, self.items,
      keys ~= "" and ", the first of which has the keys " .. keys or "",
      keys:find('"data"', 1, true) and '. If they are under "data": ' .. self:conversion_of_data() or "")
  end
  if self.missing_count > 0 and not self.keep_missing then
    fail("%s: %.0f of %.0f items have no embedding: %s (items from 0). Compute these embeddings, or leave "
      .. "the items out with skip_missing (--skip-missing): ids then are the numbers of the items kept%s",
      path, self.missing_count, self.items, self:list_missing(),
      self.answered_error and ('. The first error: "%s"'):format(self.answered_error) or "")
  end
end

-- What there is to tell of what was read, behind its size.
function Reader:details()
  local parts = { ", of " .. self.kind }
  if not self.without_id then parts[#parts + 1] = " with id" end
  if self.has_poem_index then parts[#parts + 1] = (self.without_id and " with" or " and") .. " poem_index" end
  local repeated = self.first_repeated
  if repeated then
    parts[#parts + 1] = ("; %.0f of them %s an id that one before has, first item %.0f the %s of item %.0f")
      :format(self.repeated, self.repeated == 1 and "has" or "have", repeated.item, id_text(repeated.id),
        repeated.before)
  end
  if self.missing_count > 0 then
    parts[#parts + 1] = ("; %.0f of %.0f items have no embedding and are left out: %s (items from 0). Ids are the "
      .. "numbers of the items kept%s"):format(self.missing_count, self.items, self:list_missing(),
        self.has_poem_index and ", no longer poem_index" or "")
  end
  return table.concat(parts)
end

--- Reads such a file.
-- @tparam table file as embedding_file opens it
-- @tparam table options `skip_missing`
-- @treturn table as @{vk_compute.formats.embedding_file.read} describes it
function json.read(file, options)
  local self = setmetatable({
    scanner = json_scanner.new(file), list = new_float_list(file.path), n = 0, items = 0, ids = {}, item_of = {},
    repeated = 0, missing = {}, missing_count = 0, empty_count = 0, keep_missing = options.skip_missing,
    without_id = false, is_list = false, is_lines = false,
  }, Reader)
  self:read_file()
  self:check_missing()
  return {
    format = self.is_lines and "JSONL" or "JSON", details = self:details(), n = self.n, d = self.d,
    data = self.list:finish(self.n * self.d), ids = not self.without_id and self.ids or nil,
    skipped = options.skip_missing and self.missing or nil,
  }
end

return json
