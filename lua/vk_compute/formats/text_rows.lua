--- Rows of numbers in lines of text, read once from front to back through a window that holds a whole line.
--
-- A line that has a quoted field with line feeds in it goes on behind them. Lines count from 1, as editors show
-- them; rows and numbers from 0.
-- @module vk_compute.formats.text_rows

local bit = require("bit")
local ffi = require("ffi")
local C = require("vk_compute.system.libc")
local decimal = require("vk_compute.formats.decimal")
local fail = require("vk_compute.system.fail")
local float32 = require("vk_compute.formats.float32")
local new_float_list = require("vk_compute.formats.float_list")

local text_rows = {}

local FIRST_WINDOW = 262144
-- No line of embeddings is longer.
local LONGEST_LINE = 2 ^ 24
local QUOTE, LINE_FEED, CARRIAGE_RETURN = 34, 10, 13
local BOUND = float32.BOUND

local TextRows = {}
TextRows.__index = TextRows

-- Rows and what is known of them are in `list`, `n`, `d` and `ids`; `items` counts those without numbers, too. The
-- line at hand is bytes from `first` to before `last` of `bytes`, `line` its number.
function text_rows.new(file)
  local self = setmetatable({
    file = file, list = new_float_list(file.path), n = 0, items = 0, ids = {}, rest = ffi.new("char *[1]"),
    capacity = FIRST_WINDOW, bytes = ffi.new("uint8_t[?]", FIRST_WINDOW + 1),
    stop = 0, base = 0, next = 0, has_ended = false, line = 0, lines_taken = 0, first = 0, last = 0,
  }, TextRows)
  self.chars = ffi.cast("char *", self.bytes)
  return self
end

-- Makes more of the text visible, from the line's beginning on. Whether there was more.
local function refill(self)
  if self.has_ended then return false end
  local from = self.kept or self.next
  local rest = self.stop - from
  if rest == self.capacity then
    if rest >= LONGEST_LINE then
      fail("%s, line %.0f: it is longer than %.0f bytes: a line feed, or a quotation mark, may be missing",
        self.file.path, self.lines_taken + 1, LONGEST_LINE)
    end
    local wider = ffi.new("uint8_t[?]", 2 * self.capacity + 1)
    ffi.copy(wider, self.bytes + from, rest)
    self.bytes, self.chars, self.capacity = wider, ffi.cast("char *", wider), 2 * self.capacity
  else
    C.memmove(self.bytes, self.bytes + from, rest)
  end
  self.base, self.next, self.kept = self.base + from, self.next - from, self.kept and 0
  local got = self.file:read(self.bytes + rest, self.capacity - rest, self.base + rest)
  self.stop = rest + got
  self.bytes[self.stop] = 0
  self.has_ended = self.stop < self.capacity
  return got > 0
end

-- How many bytes of the line that begins at `next` there are before its line feed; nil where it is not visible yet.
local function plain_end(self, from)
  local found = C.memchr(self.bytes + self.next + from, LINE_FEED, self.stop - self.next - from)
  if found == nil then return nil, self.stop - self.next end
  return ffi.cast("uint8_t *", found) - (self.bytes + self.next)
end

-- The same where fields may be in quotation marks. One within a field that has none at its beginning is a character.
local function quoted_end(self, _, delimiter)
  local bytes, at, is_quoted, is_field_start = self.bytes, self.next, false, true
  while at < self.stop do
    local c = bytes[at]
    if is_quoted then
      if c == QUOTE then
        if at + 1 == self.stop and not self.has_ended then return nil, 0 end
        if bytes[at + 1] == QUOTE then at = at + 1 else is_quoted = false end
      end
    elseif c == LINE_FEED then
      return at - self.next
    elseif c == QUOTE and is_field_start then
      is_quoted = true
    end
    is_field_start = c == delimiter
    at = at + 1
  end
  if self.has_ended and is_quoted then
    fail("%s, line %.0f: a quotation mark in it is not closed: the file is cut off, or the mark is to be doubled",
      self.file.path, self.lines_taken + 1)
  end
  return nil, 0
end

local function count_lines(bytes, first, past)
  local count = 0
  for at = first, past - 1 do
    if bytes[at] == LINE_FEED then count = count + 1 end
  end
  return count
end

--- Goes to the next line that is not blank.
-- @tparam[opt] number delimiter the byte between fields, where these may be quoted
-- @treturn boolean whether there is one
function TextRows:next_line(delimiter)
  local find_end = delimiter and quoted_end or plain_end
  while true do
    local length, seen = find_end(self, 0, delimiter)
    while not length and refill(self) do length, seen = find_end(self, seen, delimiter) end
    if not length then
      if self.next == self.stop then return false end
      length = self.stop - self.next
    end
    local bytes, first = self.bytes, self.next
    local last = first + length
    self.line = self.lines_taken + 1
    self.lines_taken = self.line + (delimiter and count_lines(bytes, first, last) or 0)
    self.next = math.min(last + 1, self.stop)
    if self.base == 0 and first == 0 and ffi.string(bytes, math.min(3, last)) == "\239\187\191" then first = 3 end
    while last > first and (bytes[last - 1] == CARRIAGE_RETURN or bytes[last - 1] == 32) do last = last - 1 end
    if last > first then
      self.first, self.last = first, last
      return true
    end
  end
end

--- The text of the line, or of a part of it.
function TextRows:text(first, last)
  first = first or self.first
  return ffi.string(self.bytes + first, (last or self.last) - first)
end

--- The text of the line behind the one at hand, which stays at hand; nil where there is none.
function TextRows:next_text(delimiter)
  local line, lines_taken, first, past, next_line = self.line, self.lines_taken, self.first, self.last, self.next
  self.kept = first
  local text = self:next_line(delimiter) and self:text() or nil
  local moved = first - self.kept
  self.kept, self.line, self.lines_taken = nil, line, lines_taken
  self.first, self.last, self.next = first - moved, past - moved, next_line - moved
  return text
end

--- Raises: names the file, a place in the line at hand, and what is wrong there.
-- @tparam number at place in `bytes`
-- @tparam string format as for string.format
-- @param ... its values
function TextRows:fail_at(at, format, ...)
  local line, begin = self.line, self.first
  for k = self.first, at - 1 do
    if self.bytes[k] == LINE_FEED then line, begin = line + 1, k + 1 end
  end
  fail("%s, line %.0f, column %.0f (both from 1; byte %.0f, from 0): %s", self.file.path, line, at - begin + 1,
    self.base + at, format:format(...))
end

--- What a message calls a number of the row that is being read.
function TextRows:number_name(column)
  return ("number %.0f of row %.0f, both from 0,"):format(column, self.items)
end

local NOT_FINITE = { nan = "NaN", inf = "infinite", infinity = "infinite", null = "null", na = "NA" }

-- Raises: says what is where a number should be.
function TextRows:fail_number(at, column)
  local word = self:text(at, math.min(self.last, at + 24))
  local name = NOT_FINITE[(word:lower():match("^[+-]?(%a*)"))]
  if name then
    self:fail_at(at, "%s is %s: compute this embedding again", self:number_name(column), name)
  elseif word:find("^%.%.%.") then
    self:fail_at(at, "numbers were left out when this was written: print all of them, as lists")
  end
  self:fail_at(at, "%s should be here, but here is '%s'", self:number_name(column),
    (word:match("^[^\r\n]*"):gsub("[^\32-\126]", "?")))
end

local function is_digit(c)
  return c >= 48 and c <= 57
end

--- Takes the number at a place, which must be in the line, and puts it behind those of the row.
-- @tparam number at
-- @tparam number column which number of the row it is
-- @treturn number the place behind it
function TextRows:take_number(at, column)
  local bytes = self.bytes
  local c = bytes[at]
  local first = (c == 45 or c == 43) and at + 1 or at
  c = bytes[first]
  -- strtod skips line feeds, and takes NaN, infinity and hexadecimal.
  local second = bytes[first + 1]
  if not (is_digit(c) or c == 46 and is_digit(second)) or c == 48 and bit.bor(second, 32) == 120 then
    self:fail_number(at, column)
  end
  local value = C.strtod_l(self.chars + at, self.rest, decimal.LOCALE)
  if not (value < BOUND and value > -BOUND) then
    self:fail_at(at, "%s is too large for float32: scale the embeddings", self:number_name(column))
  end
  local index = self.n * (self.d or 0) + column
  if index >= self.list.capacity then self.list:grow(index) end
  self.list.data[index] = value
  return self.rest[0] - self.chars
end

--- Keeps the row that was read. Refuses one of another length than those before.
-- @tparam number count how many numbers it has
-- @tparam[opt] string id
function TextRows:keep(count, id)
  if count ~= (self.d or count) then
    self:fail_at(self.last, "row %.0f (from 0) has %.0f numbers, but those before it have %.0f: embeddings of one "
      .. "file must come from one model", self.items, count, self.d)
  end
  self.d, self.n, self.items = count, self.n + 1, self.items + 1
  self.ids[self.n] = id
end

--- What was read.
-- @treturn table `n`, `d`, `data`, `ids`, as @{vk_compute.formats.embedding_file.read} describes them
function TextRows:result()
  return {
    n = self.n, d = self.d, data = self.list:finish(self.n * self.d), ids = #self.ids == self.n and self.ids or nil,
  }
end

return text_rows
