--- JSON text of any size, read once from front to back through a window that moves along the file.
--
-- It takes nothing but JSON, and says at which byte it stopped being so. Values that nobody asked for
-- are checked and forgotten: no text becomes a Lua value unless @{Scanner:string} or
-- @{Scanner:scalar} is called.
-- @module vk_compute.formats.json_scanner

local bit = require("bit")
local ffi = require("ffi")
local json = require("vk_compute.system.json")
local fail = require("vk_compute.system.fail")
local C = require("vk_compute.system.libc")
local decimal = require("vk_compute.formats.decimal")

local WINDOW = 262144
-- The longest number that is taken, and the longest string that is given.
local TOKEN = 4096
-- Bytes after the window, for the zero that ends it and for looks past that.
local ROOM = 8
-- How deep values may be nested.
local DEPTH = 512
-- The end of the text, where a byte is asked for.
local END = -1

local MINUS, ZERO, LOWER_X = 45, 48, 120
-- What a string is that stands for an embedding.
local NUMBERS_IN_STRING = "base64 of float32, or a list of numbers, in a string,"
local QUOTE, SLASH, BACKSLASH, EQUALS = 34, 47, 92, 61
-- What six bits a letter of base64 stands for; -1 for other bytes.
local BASE64 = ffi.new("int8_t[256]")
ffi.fill(BASE64, 256, 255)
for k, letter in ipairs({ ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"):byte(1, -1) }) do
  BASE64[letter] = k - 1
end

local json_scanner = { END = END }

local Scanner = {}
Scanner.__index = Scanner

-- Forgets what is behind and reads on. Whether there was anything more.
local function refill(self)
  local rest = self.stop - self.at
  ffi.copy(self.buffer, self.buffer + self.at, rest)
  self.base = self.base + self.at
  local got = self.file:read(self.buffer + rest, WINDOW - rest, self.base + rest)
  self.at, self.stop = 0, rest + got
  -- Loops over bytes need not compare places: this ends every token.
  self.buffer[self.stop] = 0
  self.ended = rest + got < WINDOW
  return got > 0
end

-- Makes a whole token visible.
local function see_token(self)
  if self.stop - self.at < TOKEN and not self.ended then refill(self) end
end

--- A scanner at the beginning of a file, after a byte order mark if there is one.
-- @tparam table file a byte source
-- @treturn Scanner with the field `line`: the line that the next byte is in, from 1
function json_scanner.new(file)
  local buffer = ffi.new("uint8_t[?]", WINDOW + ROOM)
  local self = setmetatable({
    file = file, buffer = buffer, chars = ffi.cast("char *", buffer), rest = ffi.new("char *[1]"),
    at = 0, stop = 0, base = 0, ended = false, line = 1, line_start = 0,
  }, Scanner)
  refill(self)
  if ffi.string(self.buffer, math.min(3, self.stop)) == "\239\187\191" then self.at = 3 end
  return self
end

--- How many bytes lie before the next one.
function Scanner:offset()
  return self.base + self.at
end

--- Raises: names the file, a place in it, and what is wrong there.
-- @tparam number offset of the place, which must be in the line that was reached
-- @tparam string format as for string.format
-- @param ... its values
function Scanner:fail_at(offset, format, ...)
  fail("%s, line %.0f, column %.0f (both from 1; byte %.0f, from 0): %s", self.file.path, self.line,
    offset - self.line_start + 1, offset, format:format(...))
end

--- Raises: says what was expected at the next byte and what is there.
-- @tparam string what
-- @tparam[opt] boolean is_outer that this is in no bracket, so that the text may be all there was to be
function Scanner:fail_expected(what, is_outer)
  see_token(self)
  local count = math.min(16, self.stop - self.at)
  if count == 0 then
    self:fail_at(self:offset(), "the file ends where %s should follow: it is cut off", what)
  end
  local text = ffi.string(self.buffer + self.at, count):match("^[^%c]*")
  local is_last = not is_outer and self.ended and self.at + #text == self.stop
    and text:find("^[%w%.%+%-\\]+$")
  self:fail_at(self:offset(), "%s should follow, but here is %s%s", what,
    #text > 0 and "'" .. text:gsub("[\128-\255]", "?") .. "'"
      or ("the byte 0x%02x"):format(self.buffer[self.at]),
    is_last and " and the file's end: it is cut off" or "")
end

local function skip_space(self)
  local buffer, at = self.buffer, self.at
  while true do
    local c = buffer[at]
    if c == 32 or c == 9 or c == 13 then
      at = at + 1
    elseif c == 10 then
      at = at + 1
      self.line, self.line_start = self.line + 1, self.base + at
    elseif c == 0 and at == self.stop then
      self.at = at
      if not refill(self) then return END end
      at = self.at
    else
      self.at = at
      return c
    end
  end
end

--- Skips space.
-- @treturn number the byte after it, which is not taken yet, or END
function Scanner:peek()
  -- Without a loop for what is most common, so that the compiler can put it into the loops around it.
  local c = self.buffer[self.at]
  if c > 32 then return c end
  if c == 32 then
    c = self.buffer[self.at + 1]
    if c > 32 then
      self.at = self.at + 1
      return c
    end
  end
  return skip_space(self)
end

--- Takes the byte that peek gave.
function Scanner:take()
  self.at = self.at + 1
end

-- The length of the escape sequence at a place, backslash included, or nil where it is none.
local function escape_length(buffer, at)
  local c = buffer[at + 1]
  if c == 117 then  -- u
    return ffi.string(buffer + at + 2, 4):find("^%x%x%x%x$") and 6
  end
  -- " \ / b f n r t
  local known = c == 34 or c == 92 or c == 47 or c == 98 or c == 102 or c == 110 or c == 114 or c == 116
  return known and 2
end

local function skip_string(self)
  local buffer, at = self.buffer, self.at + 1
  while true do
    local c = buffer[at]
    if c == 34 then
      self.at = at + 1
      return
    elseif c == 92 then
      self.at = at
      if self.stop - at < 6 and not self.ended then
        refill(self)
        at = self.at
      end
      local length = escape_length(buffer, at)
      if not length then self:fail_expected("an escape sequence, in a string,") end
      at = at + length
    elseif c < 32 then
      self.at = at
      if at < self.stop then
        self:fail_at(self:offset(), "a string has the byte 0x%02x in it, which JSON does not allow: "
          .. "a quotation mark may be missing before it", c)
      end
      if not refill(self) then self:fail_expected("the end of a string") end
      at = self.at
    else
      at = at + 1
    end
  end
end

-- Escape sequences with halves of characters, as are left where a text was cut in the middle of one, become U+FFFD.
local function whole_characters(raw)
  local parts, place = {}, 1
  while place <= #raw do
    local rest = raw:match("^[^\\]+()", place)
    local high, low = raw:match("^\\u([dD][89aAbB]%x%x)()", place)
    if rest then
      parts[#parts + 1] = raw:sub(place, rest - 1)
      place = rest
    elseif high then
      local past = raw:match("^\\u[dD][c-fC-F]%x%x()", low)
      parts[#parts + 1] = past and raw:sub(place, past - 1) or "\\ufffd"
      place = past or low
    elseif raw:find("^\\u[dD][c-fC-F]%x%x", place) then
      parts[#parts + 1] = "\\ufffd"
      place = place + 6
    else
      local length = raw:byte(place + 1) == 117 and 6 or 2
      parts[#parts + 1] = raw:sub(place, place + length - 1)
      place = place + length
    end
  end
  return table.concat(parts)
end

--- The byte after the one that peek gave.
function Scanner:byte_after()
  see_token(self)
  return self.buffer[self.at + 1]
end

--- Takes a string.
-- The byte at hand must be a quotation mark.
-- @treturn string its value; nil for one of more than about 4,000 bytes
function Scanner:string()
  see_token(self)
  local first = self:offset() + 1
  skip_string(self)
  if first < self.base or self:offset() - first >= TOKEN then return nil end
  local raw = ffi.string(self.buffer + (first - self.base), self:offset() - 1 - first)
  if not raw:find("\\", 1, true) then return raw end
  return json.decode('["' .. whole_characters(raw) .. '"]')[1]
end

local function is_digit(c)
  return c >= 48 and c <= 57
end

--- Takes a string of base64 and gives its bytes, in threes; those that fill no three are 0.
-- The byte at hand must be a quotation mark.
-- @tparam function put is called with each three bytes, as one number, and how many of them there are
function Scanner:base64(put)
  local bits, count, padding = 0, 0, 0
  self.at = self.at + 1
  while true do
    local c = self.buffer[self.at]
    if c == 0 and self.at == self.stop then
      if not refill(self) then self:fail_expected("the end of a string") end
      c = self.buffer[self.at]
    end
    -- PHP writes \/ for /.
    if c == BACKSLASH then
      if self.stop - self.at < 2 and not self.ended then refill(self) end
      if self.buffer[self.at + 1] ~= SLASH then self:fail_expected(NUMBERS_IN_STRING) end
      self.at = self.at + 1
      c = SLASH
    end
    if c == QUOTE then break end
    local value = BASE64[c]
    if c == EQUALS and count >= 2 then
      padding, value = padding + 1, 0
    elseif value < 0 or padding > 0 then
      self:fail_expected(NUMBERS_IN_STRING)
    end
    bits, count = bits * 64 + value, count + 1
    if count == 4 then
      put(bits, 3 - padding)
      bits, count = 0, 0
    end
    self.at = self.at + 1
  end
  if count > 0 then self:fail_expected("more base64, which has a number of letters that is a multiple of 4,") end
  self.at = self.at + 1
end

--- Takes a number: the double nearest to it, which is infinite where it is too large for one.
-- The byte at hand must be a digit or a minus sign. "1.e5" passes, which JSON does not allow: it has no
-- other meaning.
-- @treturn number
function Scanner:number()
  if self.stop - self.at < TOKEN and not self.ended then refill(self) end
  local buffer, at, rest = self.buffer, self.at, self.rest
  local first = buffer[at] == MINUS and at + 1 or at
  local c, second = buffer[first], buffer[first + 1]
  -- strtod takes more than JSON does: NaN, infinity, hexadecimal, leading zeros, a point at the end. A NaN
  -- it must not even return: its text can set bits that LuaJIT would take for another value.
  if not is_digit(c) or c == ZERO and (is_digit(second) or bit.bor(second, 32) == LOWER_X) then
    self:fail_expected("a number")
  end
  local value = C.strtod_l(self.chars + at, rest, decimal.LOCALE)
  local past = rest[0] - self.chars
  if not is_digit(buffer[past - 1]) then self:fail_expected("a number") end
  if past == self.stop and not self.ended then
    self:fail_at(self:offset(), "this number has more than %d digits: it can be none of an embedding", TOKEN - 1)
  end
  self.at = past
  return value
end

--- The letters at hand, not taken yet.
-- @treturn string the first 8 at most; "" where there is none
function Scanner:word()
  see_token(self)
  return ffi.string(self.buffer + self.at, math.min(8, self.stop - self.at)):match("^%a*")
end

--- Takes "null", "true" or "false".
function Scanner:literal()
  local word = self:word()
  if word ~= "null" and word ~= "true" and word ~= "false" then self:fail_expected("a value") end
  self.at = self.at + #word
end

--- Takes the elements of an array or the members of an object whose opening bracket is taken, and the
-- closing one.
-- @tparam number close the closing bracket
-- @tparam function element takes one, from the byte that peek gives on
function Scanner:each(close, element)
  if self:peek() ~= close then
    while true do
      element()
      local c = self:peek()
      if c == close then break end
      if c ~= 44 then self:fail_expected(("a comma or '%s'"):format(string.char(close))) end
      self:take()
      self:peek()
    end
  end
  self:take()
end

--- Takes a key and the colon after it.
-- @treturn string the key; nil for a very long one
function Scanner:key()
  if self:peek() ~= 34 then self:fail_expected("a key in quotation marks") end
  local key = self:string()
  if self:peek() ~= 58 then self:fail_expected("a colon") end
  self:take()
  return key
end

--- Takes any value and forgets it.
function Scanner:skip(depth)
  depth = depth or 0
  if depth > DEPTH then self:fail_at(self:offset(), "values are nested more than %d deep", DEPTH) end
  local c = self:peek()
  if c == 34 then
    skip_string(self)
  elseif c == 123 then
    self:take()
    self:each(125, function()
      self:key()
      self:skip(depth + 1)
    end)
  elseif c == 91 then
    self:take()
    self:each(93, function() self:skip(depth + 1) end)
  elseif c == 45 or is_digit(c) then
    self:number()
  else
    self:literal()
  end
end

--- Takes any value.
-- @treturn string|number|nil a string, or a number; an integer that a double does not hold is given as
-- a string; nil for anything else
function Scanner:scalar()
  local c = self:peek()
  if c == 34 then return self:string() end
  if c == 45 or is_digit(c) then
    see_token(self)
    local from = self.at
    local value = self:number()
    if value > -2 ^ 53 and value < 2 ^ 53 then return value end
    return ffi.string(self.buffer + from, self.at - from)
  end
  self:skip()
end

return json_scanner
