--- Files of texts: JSONL, `{"id": .., "text": ..}` or `{"text": ..}` a line, or a text a line; or of groups, which
-- have the member "group" in place of "text".
-- @module vk_compute.formats.texts

local json = require("vk_compute.system.json")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local printable = require("vk_compute.system.printable")

local texts = {}

local BYTE_ORDER_MARK = "\239\187\191"
-- Bytes that are gone through between two words of progress: some hundredths of a second.
local PIECE = 2 ^ 20

local function decode(line, path, number, member)
  local ok, item = pcall(json.decode, line)
  if not ok or type(item) ~= "table" or type(item[member]) ~= "string" then
    fail('%s, line %d: is not {"%s": ...} or {"id": ..., "%s": ...}%s', path, number, member, member,
      number > 1 and ", as lines before it are" or "")
  end
  local id = item.id
  if id == json.null then id = nil end
  if id ~= nil and type(id) ~= "string" and type(id) ~= "number" then
    fail("%s, line %d: its id is neither a string nor a number", path, number)
  end
  return { text = item[member], id = id, line = number }
end

-- What comes out of a pipe, such as <(jq ..) of a shell, has no length that is known before.
local function read_pipe(path)
  local pipe, problem = io.open(path, "rb")
  if not pipe then fail("cannot open %s", problem) end
  local contents = pipe:read("*a")
  pipe:close()
  return contents
end

local function contents_of(path)
  local info = files.stat(path)
  if not info then fail("%s: there is no such file", path) end
  if files.is_directory(path) then fail("%s is no file of texts: it is a directory", path) end
  local contents = files.is_regular(info) and files.contents(path) or read_pipe(path)
  if contents:find("^\255\254") or contents:find("^\254\255") then
    fail("%s is UTF-16 text, which is not read here. Convert it: iconv -f UTF-16 -t UTF-8 %s > texts.jsonl", path,
      printable.shell_word(path))
  end
  return contents:sub(1, #BYTE_ORDER_MARK) == BYTE_ORDER_MARK and contents:sub(#BYTE_ORDER_MARK + 1) or contents
end

-- The lines of a file: tables with `text`, `line` (its number), and `id` where they have one. Whether they are JSON
-- the first one that is not empty tells; of JSON empty lines are passed over.
local function read_lines(path, member, progress)
  local contents = contents_of(path)
  local list, number, is_json = {}, 0, contents:find("^%s*{") ~= nil
  local done, told = 0, 0
  for line in contents:gmatch("([^\n]*)\n?") do
    number, done = number + 1, done + #line + 1
    if progress and done - told > PIECE then
      progress(done, #contents)
      told = done
    end
    line = line:gsub("\r$", "")
    if not is_json then
      list[number] = { text = line, line = number }
    elseif line:find("%S") then
      list[#list + 1] = decode(line, path, number, member)
    end
  end
  -- The pattern gives one line more, which is empty.
  if not is_json then list[number] = nil end
  return list, contents
end

-- Whether all lines have ids.
local function have_ids(list)
  for _, item in ipairs(list) do
    if item.id == nil then return false end
  end
  return list[1] ~= nil
end

local function check_all_have_ids(list, path)
  local with, without
  for _, item in ipairs(list) do
    if item.id ~= nil then with = with or item else without = without or item end
  end
  if with and without then
    fail("%s, line %d: has no id, and line %d has one: give each text the id of its item", path, without.line,
      with.line)
  end
end

local function by_id(list, path, ids, id_text, member)
  local item_of = {}
  for _, item in ipairs(list) do
    local id = id_text(item.id)
    local before = item_of[id]
    if before and before.text ~= item.text then
      fail("%s, lines %d and %d: have one id, %s, and different %ss. Remove one", path, before.line, item.line, id,
        member)
    end
    item_of[id] = item
  end
  local found, missing = {}, {}
  for k, id in ipairs(ids) do
    if item_of[id] then found[k] = item_of[id].text else missing[#missing + 1] = k end
  end
  if missing[1] then
    fail('%s has no %s for the item %s (index %.0f)%s: add a line {"id": .., "%s": ..} for each, with its id', path,
      member, ids[missing[1]], missing[1] - 1, missing[2] and (", nor for %d more"):format(#missing - 1) or "", member)
  end
  return found
end

local function fail_of_number(list, path, contents, n, member)
  -- Such as tools write that know no JSONL.
  local is_array = contents:find("^%s*%[%s*[{\"]") ~= nil
  fail("%s has %.0f %s%s, and there are %.0f embeddings: give a %s for each, in their order, or ids in both files%s",
    path, #list, member, #list == 1 and "" or "s", n, member,
    is_array and (". A JSON array is made one object a line by jq -c '.[]' " .. printable.shell_word(path)) or "")
end

local function has_same_ids(list, ids, id_text)
  for k, item in ipairs(list) do
    if id_text(item.id) ~= ids[k] then return false end
  end
  return #list == #ids
end

--- Reads the texts of n items, in their order: by id where both have ids, else line by line.
-- @tparam string path
-- @tparam number n
-- @tparam[opt] {string,...} ids of the items
-- @tparam function id_text an id of the file -> a string, as in ids
-- @tparam string member "text" or "group"
-- @tparam[opt] function progress (done, total), in bytes; what it raises ends the reading
-- @treturn {string,...} texts
-- @treturn {string,...} ids, of the items or of the file; nil where there are none
-- @raise with the file's name: texts that are missing or do not fit
function texts.read(path, n, ids, id_text, member, progress)
  local list, contents = read_lines(path, member, progress)
  if ids then check_all_have_ids(list, path) end
  local has_ids = have_ids(list)
  -- Where an id stands for several items, the order tells them apart.
  if ids and has_ids and not has_same_ids(list, ids, id_text) then
    return by_id(list, path, ids, id_text, member), ids
  end
  if #list ~= n then fail_of_number(list, path, contents, n, member) end
  local found, own_ids = {}, {}
  for k, item in ipairs(list) do
    found[k] = item.text
    own_ids[k] = has_ids and id_text(item.id) or nil
  end
  return found, ids or (has_ids and own_ids or nil)
end

return texts
