--- Numbers with space between them: GloVe's and word2vec's text, a word and its numbers a line, and numpy.savetxt's,
-- numbers alone. word2vec's begins with a line of n and d.
--
-- A word may hold spaces: the numbers are those at the line's end. Words are ids.
-- @module vk_compute.formats.word_vectors

local fail = require("vk_compute.system.fail")
local text = require("vk_compute.formats.text")
local text_rows = require("vk_compute.formats.text_rows")

local word_vectors = {
  name = "GloVe, word2vec and numpy.savetxt text", extensions = { "vec" }, is_in_order = true, is_text = true,
}

local SPACE = 32

local function fields_of(line)
  local fields = {}
  for field in line:gmatch("[^ ]+") do fields[#fields + 1] = field end
  return fields
end

-- How many fields at the end are numbers.
local function count_numbers(fields)
  local count = 0
  while count < #fields and text.is_number(fields[#fields - count]) do count = count + 1 end
  return count
end

-- n and d, where the first line is these: the second then has a word and d numbers.
local function sizes_of(first, second)
  if #first ~= 2 or not (first[1]:find("^%d+$") and first[2]:find("^%d+$")) then return nil end
  local d = tonumber(first[2])
  if #second == d + 1 and count_numbers(second) >= d then return tonumber(first[1]), d end
end

-- Whether a line is one of comments, as numpy.savetxt writes before the numbers.
local function is_comment(line)
  return line:find("^#") ~= nil and count_numbers(fields_of(line)) < 2
end

--- Whether lines of a file are a word, or none, and numbers with space between them.
function word_vectors.recognises(file)
  if not text.is_text(file) then return false end
  local lines, is_cut = text.lines(file, 8)
  if is_cut then lines[#lines] = lines[#lines]:gsub("[^ ]*$", "") end
  while lines[1] and is_comment(lines[1]) do table.remove(lines, 1) end
  local has_numbers = false
  for k = 1, math.min(2, #lines) do
    local line = lines[k]
    if line:find("\t") or line:find('^"?[%[{]') then return false end
    local fields = fields_of(line)
    local count = count_numbers(fields)
    has_numbers = has_numbers or count >= 2 and #fields - count <= 1 or count == 1 and #fields == 1 and #lines > 1
  end
  return has_numbers
end

-- Whether lines have words, and how many numbers: told by the first two lines of them.
local function layout_of(first, second)
  for _, fields in ipairs({ first, second }) do
    local count = count_numbers(fields)
    if count > 0 and count < #fields then return true, count end
  end
  return false, #first
end

-- The place where the numbers of a line begin: there are d, at its end.
local function numbers_begin(rows, d)
  local bytes, at = rows.bytes, rows.last
  for column = d - 1, 0, -1 do
    while at > rows.first and bytes[at - 1] == SPACE do at = at - 1 end
    if at == rows.first then
      rows:fail_at(at, "row %.0f (from 0) has %d numbers, but those before it have %d: embeddings of one file must "
        .. "come from one model", rows.n, d - 1 - column, d)
    end
    while at > rows.first and bytes[at - 1] ~= SPACE do at = at - 1 end
  end
  return at
end

local function take_numbers(rows, at, d)
  for column = 0, d - 1 do
    while rows.bytes[at] == SPACE do at = at + 1 end
    local past = rows:take_number(at, column)
    if past < rows.last and rows.bytes[past] ~= SPACE then rows:fail_number(at, column) end
    at = past
  end
end

-- Takes the line at hand.
local function take_row(rows, d, has_words)
  local at = numbers_begin(rows, d)
  local before = rows:text(rows.first, at)
  local word = before:gsub(" +$", "")
  if not has_words and word ~= "" or has_words and word:find(" ") and text.is_number(word:match("[^ ]*$")) then
    rows:fail_at(rows.first, "row %.0f (from 0) has more than %d numbers, as those before it have: embeddings of one "
      .. "file must come from one model", rows.n, d)
  end
  take_numbers(rows, at, d)
  rows:keep(d, has_words and word or nil)
end

--- Reads such a file.
-- @tparam table file a byte source
-- @treturn table as @{vk_compute.formats.embedding_file.read} describes it
function word_vectors.read(file)
  local rows = text_rows.new(file)
  local is_there = rows:next_line()
  while is_there and is_comment(rows:text()) do is_there = rows:next_line() end
  if not is_there then fail("%s holds no line of numbers: write the embeddings anew", file.path) end
  local first = fields_of(rows:text())
  local second = fields_of(rows:next_text() or rows:text())
  local n, d = sizes_of(first, second)
  local has_words = n ~= nil
  if n then
    is_there = rows:next_line()
  else
    has_words, d = layout_of(first, second)
    if not has_words then text.refuse_numbered(file, first, second, " ") end
  end
  while is_there do
    take_row(rows, d, has_words)
    is_there = rows:next_line()
  end
  if n and n ~= rows.n then
    fail("%s has %.0f lines of numbers, but its first line says %.0f: it is cut off, or that line is wrong. Copy it, "
      .. "or write it, anew", file.path, rows.n, n)
  end
  local result = rows:result()
  result.format = n and "word2vec's text" or has_words and "text of words and numbers" or "text of numbers"
  return result
end

return word_vectors
