--- Embeddings in CSV or TSV: a number a column, or all of an item in one column, as a list in text.
--
-- - Between fields: commas, semicolons or tabs. Fields may be in quotation marks.
-- - A first line may name the columns. Those named with a number at the end (dim_0, dim_1, ...) are the embedding;
--   else those that hold numbers and stand side by side.
-- - A list is what pgvector, PostgreSQL, pandas and NumPy write: [0.1,0.2], {0.1,0.2} or [0.1 0.2].
-- - The column of ids is the one named so, or a first one that holds no numbers. A column poem_index must hold 0, 1,
--   2, ... as in JSON.
-- @module vk_compute.formats.csv

local fail = require("vk_compute.system.fail")
local json = require("vk_compute.formats.json")
local missing = require("vk_compute.formats.missing")
local printable = require("vk_compute.system.printable")
local text = require("vk_compute.formats.text")
local text_rows = require("vk_compute.formats.text_rows")

local csv = { name = "CSV, TSV", extensions = { "csv", "tsv" }, is_in_order = true, is_text = true }

local QUOTE, COMMA, SPACE = 34, 44, 32
local OPEN_BRACKET, OPEN_BRACE = 91, 123
local CLOSING = { [OPEN_BRACKET] = 93, [OPEN_BRACE] = 125 }
local IS_ID = {}
for name in (",id,ids,_id,index,key,name,title,token,unnamed: 0,uuid,word"):gmatch("[^,]*") do IS_ID[name] = true end
-- What stands for nothing, where a list should be.
local IS_MISSING = {
  [""] = true, ["\\N"] = true, ["[]"] = true, ["{}"] = true, null = true, NULL = true, None = true, nan = true,
  NaN = true,
}
local LONGEST_MISSING = 8
-- Lines that tell whether a file is one.
local LOOKED_AT = 200
-- What is a number that went wrong: it is in a column of numbers.
local IS_NO_NUMBER = {
  nan = true, inf = true, ["-inf"] = true, infinity = true, ["-infinity"] = true, na = true, null = true,
}

local function delimiter_of(line)
  local rest = line:gsub('"[^"]*"?', "")
  return rest:match("\t") or rest:match(";") or ","
end

local function trim(field) return field:match("^%s*(.-)%s*$") end

-- The fields of a line, without their quotation marks; the last one may be cut off.
local function fields_of(line, delimiter)
  local fields, at = {}, 1
  local plain = "^([^" .. delimiter .. "]*)()"
  while true do
    local field, past
    if line:find('^ *"', at) then
      local first = line:find('"', at, true) + 1
      past = first
      while true do
        past = line:find('"', past, true) or #line + 1
        if line:sub(past + 1, past + 1) ~= '"' then break end
        past = past + 2
      end
      field = line:sub(first, past - 1):gsub('""', '"')
      past = line:match("^[^" .. delimiter .. "]*()", past + 1) or #line + 1
    else
      field, past = line:match(plain, at)
    end
    fields[#fields + 1] = trim(field)
    if past > #line then return fields end
    at = past + 1
  end
end

-- Whether a field is a number with a comma for the point, as some programs write them in some countries.
local function has_decimal_comma(field) return field:find("^[+-]?%d+,%d+$") ~= nil end

local function refuse_commas(file)
  fail("%s has numbers with commas for points. With points: tr , . < %s > out.csv", file.path,
    printable.shell_word(file.file))
end

local function class_of(field)
  if text.is_number(field) or IS_NO_NUMBER[field:lower()] then return "number" end
  if field:find("^[%[{]%s*[%d.+-]") then return "list" end
  return field == "" and "empty" or "text"
end

local function classes_of(fields)
  local classes = {}
  for k, field in ipairs(fields) do classes[k] = class_of(field) end
  return classes
end

-- The first two lines, as far as the head shows them: one goes on where a quotation mark is open. And whether the last
-- one is cut off.
local function first_records(file)
  local lines, is_cut = text.lines(file, LOOKED_AT)
  local records, is_open = {}, false
  for _, line in ipairs(lines) do
    if is_open then
      records[#records] = records[#records] .. "\n" .. line
    elseif #records == 2 then
      return records, false
    else
      records[#records + 1] = line
    end
    local _, marks = line:gsub('"', "")
    is_open = is_open ~= (marks % 2 == 1)
  end
  return records, is_cut or is_open
end

--- Whether a file is text whose second line, or the only one, has numbers or lists between delimiters.
function csv.recognises(file)
  -- JSON has commas and numbers, too.
  if not text.is_text(file) or json.recognises(file) then return false end
  local lines, is_cut = first_records(file)
  local line = lines[2] or lines[1]
  if not line then return false end
  local delimiter = delimiter_of(lines[1])
  local fields = fields_of(line, delimiter)
  if is_cut and #fields > 1 and class_of(fields[#fields]) ~= "list" then fields[#fields] = nil end
  for _, field in ipairs(fields) do
    local is_number = text.is_number(field) or has_decimal_comma(field)
    if class_of(field) == "list" or is_number and #lines + #fields > 2 then return true end
  end
  return false
end

-- ---- Which column is what --------------------------------------------------------------------------

-- Whether the first line names columns: it has words where the second has numbers, or counts 0, 1, 2, ... as pandas
-- names columns without names.
local function is_header(first, second)
  local classes, below = classes_of(first), classes_of(second)
  for k, class in ipairs(below) do
    if (class == "number" or class == "list") and (classes[k] == "text" or classes[k] == "empty") then return true end
  end
  local from = first[1] == "" and 2 or 1
  for k = from, #first do
    if first[k] ~= tostring(k - from) then return false end
  end
  return #first - from >= 2
end

-- The first and the last of the columns whose names end in numbers that go up by one, or nil.
local function numbered_columns(names, classes)
  local best, first
  for k = 1, #names + 1 do
    local prefix, number = (names[k] or ""):match("^(.-)(%d+)$")
    local before, last = (names[k - 1] or ""):match("^(.-)(%d+)$")
    local is_numeric = classes[k] == "number" or classes[k] == "empty"
    local goes_on = number and is_numeric and before == prefix and tonumber(number) == tonumber(last) + 1
    if not (first and goes_on) then
      if first and k - first >= 2 and (not best or k - first > best[2] - best[1] + 1) then best = { first, k - 1 } end
      first = number and is_numeric and k or nil
    end
  end
  if best then return best[1], best[2] end
end

-- The same of the longest run of numbers side by side.
local function longest_run(classes, is_free)
  local best, first
  for k = 1, #classes + 1 do
    local is_in = is_free(k) and (classes[k] == "number" or first and classes[k] == "empty")
    if is_in then
      first = first or k
    elseif first then
      if not best or k - first >= best[2] - best[1] + 1 then best = { first, k - 1 } end
      first = nil
    end
  end
  if best then return best[1], best[2] end
end

local function list_column(file, names, classes)
  local found, named = {}, {}
  for k, class in ipairs(classes) do
    if class == "list" or class == "empty" and names and names[k]:lower() == "embedding" then
      found[#found + 1] = k
      local name = names and names[k]:lower() or ""
      if name:find("embedding") or name:find("vector") then named[#named + 1] = k end
    end
  end
  if #found > 1 and #named ~= 1 then
    fail("%s has several columns of lists: name that of the embeddings 'embedding'", file.path)
  end
  return #found > 1 and named[1] or found[1]
end

local function id_column(names, classes, is_free)
  for k in ipairs(classes) do
    if names and is_free(k) and IS_ID[names[k]:lower()] and (names[k] ~= "" or k == 1) then return k end
  end
  if is_free(1) and classes[1] == "text" then return 1 end
end

local function poem_index_column(names)
  for k, name in ipairs(names or {}) do
    if name:lower() == "poem_index" then return k end
  end
end

-- What each column is, by the first two lines.
local function plan_of(file, first, second, separator)
  for _, fields in ipairs({ first, second }) do
    for _, field in ipairs(fields) do
      if has_decimal_comma(field) then refuse_commas(file) end
    end
  end
  local plan = { has_header = is_header(first, second or first) and second ~= nil }
  if second and not plan.has_header then text.refuse_numbered(file, first, second, separator) end
  local fields = plan.has_header and second or first
  local names = plan.has_header and first or nil
  -- R names no column for the names of rows.
  if names and #names == #fields - 1 then table.insert(names, 1, "") end
  if names and #names ~= #fields then
    fail("%s: its first line has %d fields, but the next has %d: a delimiter or a quotation mark is missing, or is one "
      .. "too many", file.path, #names, #fields)
  end
  local classes = classes_of(fields)
  plan.count = #fields
  plan.poem_index = poem_index_column(names)
  plan.list = list_column(file, names, classes)
  plan.id = id_column(names, classes, function(k) return k ~= plan.list and k ~= plan.poem_index end)
    or not names and plan.list and plan.list > 1 and 1 or nil
  if not plan.list then
    local function is_free(k) return k ~= plan.id and k ~= plan.poem_index end
    plan.from, plan.to = numbered_columns(names or {}, classes)
    if not plan.from then plan.from, plan.to = longest_run(classes, is_free) end
    if not plan.from then
      fail("%s has no column of numbers, nor of lists of numbers: write the numbers of an embedding in columns of "
        .. "their own, or as [0.1,0.2] in one", file.path)
    end
    if plan.id and plan.id >= plan.from and plan.id <= plan.to then plan.id = nil end
  end
  plan.names = names
  return plan
end

-- ---- Rows ------------------------------------------------------------------------------------------

-- The place behind a field, and the field without quotation marks where that is wanted.
local function take_field(rows, at, delimiter, wants_text)
  local bytes, first = rows.bytes, at
  if bytes[at] == QUOTE then
    at = at + 1
    while at < rows.last and not (bytes[at] == QUOTE and bytes[at + 1] ~= QUOTE) do
      at = at + (bytes[at] == QUOTE and 2 or 1)
    end
    local past = math.min(at + 1, rows.last)
    return past, wants_text and rows:text(first + 1, math.min(at, rows.last)):gsub('""', '"') or nil
  end
  while at < rows.last and bytes[at] ~= delimiter do at = at + 1 end
  return at, wants_text and trim(rows:text(first, at)) or nil
end

local function skip_spaces(rows, at)
  local bytes = rows.bytes
  while at < rows.last and bytes[at] == SPACE do at = at + 1 end
  return at
end

local function take_number(rows, at, column)
  at = skip_spaces(rows, at)
  local is_quoted = rows.bytes[at] == QUOTE
  local past = rows:take_number(is_quoted and at + 1 or at, column)
  if is_quoted then
    if rows.bytes[past] ~= QUOTE then rows:fail_number(at, column) end
    past = past + 1
  end
  return skip_spaces(rows, past)
end

local function skip_white(rows, at)
  local bytes = rows.bytes
  while at < rows.last and (bytes[at] == SPACE or bytes[at] >= 9 and bytes[at] <= 13) do at = at + 1 end
  return at
end

-- Takes a list; gives the place behind the field, and how many numbers there are.
local function take_list(rows, at, delimiter)
  local past_field = take_field(rows, at, delimiter)
  if past_field - at <= LONGEST_MISSING then
    local _, field = take_field(rows, at, delimiter, true)
    if IS_MISSING[trim(field)] then return past_field, 0 end
  end
  local bytes = rows.bytes
  local is_quoted = bytes[at] == QUOTE
  at = skip_white(rows, is_quoted and at + 1 or at)
  local closing = CLOSING[bytes[at]]
  if not closing then rows:fail_at(at, "a list of numbers, as [0.1,0.2], should be here") end
  local count, needs_number = 0, true
  at = skip_white(rows, at + 1)
  while needs_number or bytes[at] ~= closing do
    local first = at
    at = rows:take_number(at, count)
    count = count + 1
    local behind = at
    at = skip_white(rows, at)
    needs_number = bytes[at] == COMMA
    if needs_number then
      at = skip_white(rows, at + 1)
    elseif bytes[at] ~= closing and at == behind then
      rows:fail_number(first, count - 1)
    end
  end
  at = at + 1
  if is_quoted then
    if bytes[at] ~= QUOTE then rows:fail_at(at, "a quotation mark should follow the list") end
    at = at + 1
  end
  return skip_spaces(rows, at), count
end

local function check_poem_index(rows, at, field)
  if tonumber(field) ~= rows.items then
    rows:fail_at(at, "poem_index is '%s', but must be %.0f: results name items by their place in the file, so "
      .. "poem_index must count 0, 1, 2, ... without a gap. Sort the lines by poem_index, or number them anew",
      (field:sub(1, 24):gsub("[^\32-\126]", "?")), rows.items)
  end
end

-- Takes the line at hand.
local function take_row(rows, plan, absent)
  local delimiter, at, count, id = plan.delimiter, rows.first, 0, nil
  for column = 1, plan.count do
    local field
    if plan.from and column >= plan.from and column <= plan.to then
      at, count = take_number(rows, at, count), count + 1
    elseif column == plan.list then
      -- Between commas a list needs quotation marks.
      at, count = take_list(rows, at, delimiter)
    else
      local first = at
      at, field = take_field(rows, at, delimiter, column == plan.id or column == plan.poem_index)
      if column == plan.id then id = field end
      if column == plan.poem_index then check_poem_index(rows, first, field) end
    end
    if column < plan.count then
      if at >= rows.last then
        rows:fail_at(at, "row %.0f (from 0) has %d fields, but those before it have %d: embeddings of one file must "
          .. "come from one model", rows.items, column, plan.count)
      end
      if rows.bytes[at] == COMMA and delimiter ~= COMMA then refuse_commas(rows.file) end
      if rows.bytes[at] ~= delimiter then rows:fail_at(at, "a '%s' should be here", string.char(delimiter)) end
      at = at + 1
    end
  end
  if at < rows.last then
    if rows.bytes[at] == COMMA and delimiter ~= COMMA then refuse_commas(rows.file) end
    rows:fail_at(at, "row %.0f (from 0) should end here: those before it have %d fields", rows.items, plan.count)
  end
  if count > 0 then return rows:keep(count, id) end
  absent:add({ item = rows.items, line = rows.line, id = id })
  rows.items = rows.items + 1
end

local function place_of(entry) return ("line %.0f"):format(entry.line) end

local function details_of(plan, rows, absent)
  local parts = {}
  if plan.names then
    local from, to = plan.names[plan.list or plan.from], plan.names[plan.list or plan.to]
    parts[1] = (", of the column%s %.60s%s"):format(from == to and "" or "s", from, from == to and "" or
      (" to %.60s"):format(to))
  end
  if plan.id then parts[#parts + 1] = " with id" end
  return table.concat(parts) .. absent:details(rows.items, place_of)
end

--- Reads such a file.
-- @tparam table file a byte source
-- @tparam table options `skip_missing`
-- @treturn table as @{vk_compute.formats.embedding_file.read} describes it
function csv.read(file, options)
  local rows = text_rows.new(file)
  local separator = delimiter_of(text.lines(file, 1)[1] or "")
  local delimiter = separator:byte()
  if not rows:next_line(delimiter) then fail("%s holds no line: write the embeddings anew", file.path) end
  local second = rows:next_text(delimiter)
  local plan = plan_of(file, fields_of(rows:text(), separator), second and fields_of(second, separator), separator)
  plan.delimiter = delimiter
  local absent = missing.new(options.skip_missing)
  local is_there = not plan.has_header or rows:next_line(delimiter)
  while is_there do
    take_row(rows, plan, absent)
    is_there = rows:next_line(delimiter)
  end
  if rows.n == 0 then fail("%s holds no embedding, in %.0f rows: compute them again", file.path, rows.items) end
  absent:refuse(file.path, rows.items, place_of)
  local result = rows:result()
  result.format, result.details = separator == "\t" and "TSV" or "CSV", details_of(plan, rows, absent)
  result.skipped = options.skip_missing and absent.list or nil
  return result
end

return csv
