--- Embeddings in JSON or JSONL, as models and programs give them.
--
-- - `{"embeddings": [ITEM, ...], ...}`: Ollama's /api/embed, and collections with metadata
-- - `{"embedding": [numbers], ...}`: Ollama's /api/embeddings, one item
-- - `{"data": [ITEM, ...], ...}`: OpenAI's /v1/embeddings; put in the order of "index"
-- - `[ITEM, ...]`: a bare list; llama.cpp's /embedding, `[{"index": 0, "embedding": [[numbers]]}, ...]`, likewise in
--   the order of "index"
-- - JSONL: one of these a line, or one behind another without line feeds
--
-- No file is taken for that of one program: read_outer_object and read_first_array go by the keys and brackets
-- they meet, and ITEMs may be of either form, all of one file alike.
--
-- An ITEM is an array of numbers or an object with one under "embedding", and maybe an "id" and a
-- "poem_index". Instead of an array there may be base64 of little-endian float32, a string such as "[0.1,0.2]", as
-- pgvector's become, or an object of numbers, {"0": 0.1, "1": 0.2}, as a Float32Array becomes. Other keys are skipped,
-- and keys may come in any order. An item without an embedding (none, null, or an empty array) is missing. Text
-- becomes floats as it is read: memory is that of the floats.
--
-- Results name an item by its place. So a "poem_index" must be the item's place in the file, counted from
-- 0, those that are missing included, and all objects have one or none has. An "id" is not used in
-- results: one that is repeated is told, but not refused.
-- @module vk_compute.formats.json

local bit = require("bit")
local ffi = require("ffi")
local conversion = require("vk_compute.formats.conversion")
local fail = require("vk_compute.system.fail")
local float32 = require("vk_compute.formats.float32")
local json_scanner = require("vk_compute.formats.json_scanner")
local missing = require("vk_compute.formats.missing")
local new_float_list = require("vk_compute.formats.float_list")

local json = { name = "JSON, JSONL", extensions = { "json", "jsonl", "ndjson" }, is_in_order = true }

local BOUND = float32.BOUND
local END = json_scanner.END
local QUOTE, COMMA, MINUS, ZERO, NINE = 34, 44, 45, 48, 57
local OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE = 91, 93, 123, 125
local LOWER_N = 110
-- How many keys a message names.
local NAMED = 10
-- As many numbers as an embedding can have.
local MOST_NUMBERS = 65536

local id_text = missing.id_text

--- Whether a file begins like JSON. Binary numbers may begin with a bracket by chance; such have bytes
-- near it that no text has.
function json.recognises(file)
  local text = file.head:gsub("^\239\187\191", ""):match("^%s*([%[{].*)")
  if not text or text:sub(1, 16):find("[%z\1-\8\11\12\14-\31]") then return false end
  return text:find(text:byte() == OPEN_BRACE and '^{%s*["}]' or "^%[%s*[%[%]{%-%dnNI]") ~= nil
    or not text:find("^.%s*%S")
end

-- Filters of jq. The first of several embeddings changes every "embedding" of a file, wherever it stands.
local DATA_ALONE = "{embeddings: .data}"
local FIRST_OF_NESTED = 'walk(if type == "object" and (.embedding | type) == "array" and '
  .. '(.embedding[0] | type) == "array" then .embedding |= .[0] else . end)'

local Reader = {}
Reader.__index = Reader

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
  local word = scanner:word()
  if word == "null" or word == "NaN" or word == "Infinity" then
    scanner:fail_at(scanner:offset(), "number %.0f of %s, both from 0, is %s: compute this embedding again",
      column, item_text(item), word)
  end
  scanner:fail_expected(("number %.0f of %s, both from 0,"):format(column, item_text(item)))
end

function Reader:fail_length(item, count)
  self.scanner:fail_at(self.scanner:offset(), "%s has %.0f numbers, but those before it have %.0f: embeddings "
    .. "of one file must come from one model", item_text(item), count, self.d)
end

-- Takes a number to its place behind those of the items kept so far.
function Reader:take_number(item, column)
  local scanner, list = self.scanner, self.list
  local offset = scanner:offset()
  local value = scanner:number()
  if not (value < BOUND and value > -BOUND) then
    scanner:fail_at(offset, "number %.0f of %s, both from 0, is too large for float32: scale the embeddings",
      column, item_text(item))
  end
  local index = self.n * (self.d or 0) + column
  if index >= list.capacity then list:grow(index) end
  list.data[index] = value
end

-- The numbers of an array whose bracket is taken.
function Reader:read_numbers(item)
  local scanner = self.scanner
  local count = 0
  local c = scanner:peek()
  if c == CLOSE_BRACKET then
    scanner:take()
    return 0
  end
  while true do
    if not (c == MINUS or c >= ZERO and c <= NINE) then self:fail_number(item, count) end
    self:take_number(item, count)
    count = count + 1
    c = scanner:peek()
    if c == CLOSE_BRACKET then break end
    if c ~= COMMA then scanner:fail_expected("a comma or ']'") end
    scanner:take()
    c = scanner:peek()
  end
  if count ~= (self.d or count) then self:fail_length(item, count) end
  scanner:take()
  return count
end

-- An array of numbers in an array, whose first bracket is taken.
function Reader:read_nested(item)
  local scanner = self.scanner
  scanner:take()
  local count = self:read_numbers(item)
  if scanner:peek() == COMMA then
    scanner:fail_at(scanner:offset(), "%s has more than one embedding, as llama.cpp gives where none is made of those "
      .. "of all tokens: start it with --pooling mean, or take the first of them: %s", item_text(item),
      conversion.jq(scanner.file.file, FIRST_OF_NESTED, "out.json"))
  end
  if scanner:peek() ~= CLOSE_BRACKET then scanner:fail_expected("']'") end
  scanner:take()
  self.has_nested = true
  return count
end

-- Base64 of little-endian float32.
function Reader:read_base64(item)
  local scanner, list = self.scanner, self.list
  local first, count, filled = self.n * (self.d or 0), 0, 0
  local bytes = ffi.new("uint8_t[4]")
  local word, float = ffi.cast("uint32_t *", bytes), ffi.cast("float *", bytes)
  local function put_byte(byte)
    bytes[filled] = byte
    filled = filled + 1
    if filled < 4 then return end
    if not float32.is_finite(word[0]) then
      scanner:fail_at(scanner:offset(), "number %.0f of %s, both from 0, is NaN or infinite: compute this embedding "
        .. "again", count, item_text(item))
    end
    if first + count >= list.capacity then list:grow(first + count) end
    list.data[first + count] = float[0]
    count, filled = count + 1, 0
  end
  scanner:base64(function(bits, bytes_of_three)
    put_byte(bit.rshift(bits, 16))
    if bytes_of_three > 1 then put_byte(bit.band(bit.rshift(bits, 8), 255)) end
    if bytes_of_three > 2 then put_byte(bit.band(bits, 255)) end
  end)
  if filled > 0 then
    scanner:fail_at(scanner:offset(), "the embedding of %s is base64 of %.0f bytes, which are no float32: ask for it "
      .. "again", item_text(item), 4 * count + filled)
  end
  if count > 0 and count ~= (self.d or count) then self:fail_length(item, count) end
  return count
end

-- A string: base64, or a list as text.
function Reader:read_string(item)
  local scanner = self.scanner
  if scanner:byte_after() ~= OPEN_BRACKET then return self:read_base64(item) end
  scanner:take()
  scanner:take()
  local count = self:read_numbers(item)
  if scanner:peek() ~= QUOTE then scanner:fail_expected("the end of a string") end
  scanner:take()
  return count
end

-- An object with a number under each of "0", "1", ..., in whatever order.
function Reader:read_typed_array(item)
  local scanner, seen, count, greatest = self.scanner, {}, 0, -1
  scanner:take()
  scanner:each(CLOSE_BRACE, function()
    local offset = scanner:offset()
    local key = scanner:key()
    local column = key and key:find("^%d+$") and tonumber(key)
    if not column or column >= MOST_NUMBERS or seen[column] then
      scanner:fail_at(offset, 'the embedding of %s is an object, whose keys must be "0", "1", "2" and so on, each '
        .. 'once, but here is "%.60s"', item_text(item), ((key or "..."):gsub("%c", "?")))
    end
    local c = scanner:peek()
    if not (c == MINUS or c >= ZERO and c <= NINE) then self:fail_number(item, column) end
    self:take_number(item, column)
    seen[column], count, greatest = true, count + 1, math.max(greatest, column)
  end)
  if greatest + 1 ~= count then
    scanner:fail_at(scanner:offset(), "the embedding of %s is an object with %.0f numbers, but the greatest key is "
      .. "%.0f: some are missing", item_text(item), count, greatest)
  end
  if count > 0 and count ~= (self.d or count) then self:fail_length(item, count) end
  return count
end

function Reader:read_embedding(item)
  local scanner = self.scanner
  local c = scanner:peek()
  if c == LOWER_N then
    scanner:literal()
    return 0
  elseif c == QUOTE then
    return self:read_string(item)
  elseif c == OPEN_BRACE then
    return self:read_typed_array(item)
  elseif c ~= OPEN_BRACKET then
    scanner:fail_expected(("an array of numbers, for %s,"):format(item_text(item)))
  end
  scanner:take()
  if scanner:peek() == OPEN_BRACKET then return self:read_nested(item) end
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
    -- Kept as it is: what it means the list tells.
    index = function() item.order = self.scanner:scalar() or false end,
    embedding = function()
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
  local entry = { item = item.index, id = item.id, line = item.line, order = item.order }
  if self.list_items then self.list_items[#self.list_items + 1] = entry end
  if item.numbers == 0 then return self.missing:add(entry) end
  entry.has_row = true
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

function Reader:fail_order(entry, count)
  local path = self.scanner.file.file
  fail('%s, line %.0f: "index" of item %.0f is %s, but the %.0f items of one answer must have 0 to %.0f, each once. '
    .. "To take them in the order of the file: %s", self.scanner.file.path, entry.line, entry.item,
    entry.order == nil and "missing" or tostring(entry.order or "no number"), count, count - 1, conversion.jq(path,
      self.has_nested and FIRST_OF_NESTED or DATA_ALONE, "out.json"))
end

-- The entries of a list in the order of their "index"; nil where they are in order, or have none.
function Reader:order_of(entries)
  local has_any, is_in_order, sorted = false, true, {}
  for k, entry in ipairs(entries) do
    has_any = has_any or entry.order ~= nil
    is_in_order = is_in_order and entry.order == k - 1
  end
  if is_in_order or not has_any then return nil end
  for _, entry in ipairs(entries) do
    local order = entry.order
    if type(order) ~= "number" or order % 1 ~= 0 or order < 0 or order >= #entries or sorted[order + 1] then
      self:fail_order(entry, #entries)
    end
    sorted[order + 1] = entry
  end
  return sorted
end

-- Puts the rows of a list, which are the last ones, in the order of "index".
function Reader:sort_list(entries)
  local sorted = self:order_of(entries)
  if not sorted then return end
  if self.has_poem_index then
    fail('%s has "poem_index" and, in another order, "index": take one of them away', self.scanner.file.path)
  end
  self.is_sorted = true
  local first_item, rows, ids = entries[1].item, {}, {}
  for _, entry in ipairs(entries) do
    if entry.has_row then
      entry.row = #rows
      rows[#rows + 1] = entry
    end
  end
  local d, first = self.d or 0, self.n - #rows
  local bytes = 4 * d
  local block = self.list.data + first * d
  local before = ffi.new("uint8_t[?]", #rows * bytes)
  ffi.copy(before, block, #rows * bytes)
  for k = 1, #rows do ids[k] = self.ids[first + k] end
  local to = 0
  for k, entry in ipairs(sorted) do
    entry.item = first_item + k - 1
    if entry.has_row then
      ffi.copy(block + to * d, before + entry.row * bytes, bytes)
      self.ids[first + to + 1] = ids[entry.row + 1]
      to = to + 1
    end
  end
end

-- A list whose bracket is taken.
-- @tparam[opt] boolean is_ordered whether "index" gives the order, as it does where an embedding is an array in an
-- array
function Reader:read_list(is_ordered)
  self.is_list, self.list_items = true, {}
  self.scanner:each(CLOSE_BRACKET, function() self:read_item() end)
  local entries = self.list_items
  self.list_items = nil
  if is_ordered or self.has_nested then self:sort_list(entries) end
end

-- What is under "data": a list of items, or something else of whoever wrote the file.
function Reader:read_data()
  local scanner = self.scanner
  local items, kind, n, has_poem_index = self.items, self.kind, self.n, self.has_poem_index
  if scanner:peek() ~= OPEN_BRACKET then return scanner:skip() end
  scanner:take()
  if scanner:peek() ~= OPEN_BRACE then
    return scanner:each(CLOSE_BRACKET, function() scanner:skip() end)
  end
  local absent, empty_count = self.missing.count, self.empty_count
  self:read_list(true)
  if self.n > n then
    self.has_data = true
    return
  end
  -- No item has an embedding: they are others.
  self.items, self.kind, self.has_poem_index, self.empty_count = items, kind, has_poem_index, empty_count
  self.missing:shorten(absent)
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
  self.has_data = false
  function handlers.data() self:read_data() end
  function handlers.embeddings()
    if scanner:peek() ~= OPEN_BRACKET then scanner:fail_expected("an array of embeddings") end
    scanner:take()
    self:read_list()
  end
  scanner:take()
  local keys = self:read_object(handlers)
  local holders = {}
  if self.has_data then holders[1] = "data" end
  for _, name in ipairs({ "embeddings", "embedding" }) do
    if keys[name] then holders[#holders + 1] = name end
  end
  if holders[2] then
    fail('%s has both "%s" and "%s": take one of them away', scanner.file.path, holders[1], holders[2])
  end
  if keys.embeddings or self.has_data then return end
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
  local c = scanner:peek()
  if c ~= OPEN_BRACE and c ~= OPEN_BRACKET then scanner:fail_expected("JSON, an object or an array,", true) end
  local are_lists = c == OPEN_BRACKET and self:read_first_array()
  if c == OPEN_BRACE then self:read_outer_object() end
  local line = scanner.line
  c = scanner:peek()
  while c ~= END do
    self.is_lines = true
    if c == OPEN_BRACE and not are_lists then
      self:read_outer_object()
    elseif c == OPEN_BRACKET and are_lists then
      scanner:take()
      self:read_list()
    elseif not are_lists and (c == OPEN_BRACKET or scanner.line > line) then
      self:read_item(true)
    else
      scanner:fail_expected("the end of the file, or another one like that before,", true)
    end
    line = scanner.line
    c = scanner:peek()
  end
end

-- Where a missing item is.
function Reader:place_of()
  return function(entry)
    local place = ("line %.0f"):format(entry.line)
    if not self.is_list then return place end
    return ("item %.0f"):format(entry.item) .. (self.is_lines and ", " .. place or "")
  end
end

function Reader:check_missing()
  local path = self.scanner.file.path
  if self.n == 0 and self.answered_error then
    fail('%s holds no embeddings, but an error: "%s"', path, self.answered_error)
  elseif self.n == 0 and self.empty_count == self.items and (self.items > 0 or self.is_list) then
    fail('%s holds no embedding: all are empty, %.0f in number. Ollama answers so where the text is under a wrong '
      .. 'name: /api/embed takes "input", /api/embeddings "prompt". Ask for them again', path, self.items)
  elseif self.n == 0 then
    local keys = table.concat(self.items > 0 and self.first_keys or {}, ", ")
    fail('%s holds no embedding, in %.0f item(s)%s: an item is an array of numbers, or an object with one '
      .. 'under "embedding"; a list of items may be under "embeddings" or "data"', path, self.items,
      keys ~= "" and ", the first of which has the keys " .. keys or "")
  end
  self.missing:refuse(path, self.items, self:place_of(),
    self.answered_error and ('. The first error: "%s"'):format(self.answered_error))
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
  if self.is_sorted then parts[#parts + 1] = ", in the order of index" end
  parts[#parts + 1] = self.missing:details(self.items, self:place_of(),
    self.has_poem_index and ", no longer poem_index" or "")
  return table.concat(parts)
end

--- Reads such a file.
-- @tparam table file as embedding_file opens it
-- @tparam table options `skip_missing`
-- @treturn table as @{vk_compute.formats.embedding_file.read} describes it
function json.read(file, options)
  local self = setmetatable({
    scanner = json_scanner.new(file), list = new_float_list(file.path), n = 0, items = 0, ids = {}, item_of = {},
    repeated = 0, missing = missing.new(options.skip_missing), empty_count = 0, has_nested = false, is_sorted = false,
    without_id = false, is_list = false, is_lines = false,
  }, Reader)
  self:read_file()
  self:check_missing()
  return {
    format = self.is_lines and "JSONL" or "JSON", details = self:details(), n = self.n, d = self.d,
    data = self.list:finish(self.n * self.d), ids = not self.without_id and self.ids or nil,
    skipped = options.skip_missing and self.missing.list or nil,
  }
end

return json
