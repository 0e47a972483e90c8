--- Text from outside, such as names of files, made fit to be shown, or to be copied into a command.
-- @module vk_compute.system.printable

local printable = {}

-- All that is well formed beyond ASCII: no longer than needed, no surrogates, nothing beyond U+10FFFF.
local SEQUENCES = {
  "^[\194-\223][\128-\191]",
  "^\224[\160-\191][\128-\191]",
  "^[\225-\236\238\239][\128-\191][\128-\191]",
  "^\237[\128-\159][\128-\191]",
  "^\240[\144-\191][\128-\191][\128-\191]",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]",
  "^\244[\128-\143][\128-\191][\128-\191]",
}
local REPLACEMENT = "\239\191\189"  -- U+FFFD

local function sequence_at(bytes, place)
  for _, pattern in ipairs(SEQUENCES) do
    local sequence = bytes:match(pattern, place)
    if sequence then return sequence end
  end
end

-- What would be taken for a command by the terminal, or turns the order of what is shown round.
local COMMANDS = { "^[%z\1-\31\127]", "^\194[\128-\159]", "^\226\128[\170-\174]", "^\226\129[\166-\169]" }
local ESCAPES = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function is_command(sequence)
  for _, pattern in ipairs(COMMANDS) do
    if sequence:find(pattern) then return true end
  end
  return false
end

local function escape(byte)
  return ESCAPES[byte] or ("\\x%02x"):format(byte:byte())
end

local function escape_in(bytes)
  local parts, place = {}, 1
  while place <= #bytes do
    local sequence = sequence_at(bytes, place)
    local whole = sequence or bytes:sub(place, place)
    parts[#parts + 1] = sequence and not is_command(sequence) and sequence or whole:gsub(".", escape)
    place = place + #whole
  end
  return table.concat(parts)
end

--- Text on one line. Control characters, and bytes that are no UTF-8, are escaped, as \n, \r, \t or \xHH.
function printable.line(text)
  return (text:gsub("[%z\1-\31\127-\255]+", escape_in))
end

--- The same for text that may have several lines: line feeds stay. For messages, in which what comes from outside is
-- on one line already.
function printable.text(text)
  return (text:gsub("[^\n]+", printable.line))
end

--- string.format, of which strings that are filled in are made printable on one line. The format is our own text:
-- its line feeds stay.
function printable.format(format, ...)
  local values = { n = select("#", ...), ... }
  for k = 1, values.n do
    if type(values[k]) == "string" then values[k] = printable.line(values[k]) end
  end
  return format:format(unpack(values, 1, values.n))
end

-- As $'..', which bash and zsh know, and as a string of Python.
local function escape_quoted(text)
  return (text:gsub("[\\']", "\\%0"):gsub("[%z\1-\31\127]", escape))
end

--- Text as one word of a shell's command line: in quotes where it needs them.
function printable.shell_word(text)
  if text:find("^[%w._/][%w._/-]*$") then return text end
  if text:find("%c") then return "$'" .. escape_quoted(text) .. "'" end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- Text as a string of Python.
function printable.python_string(text)
  return "'" .. escape_quoted(text) .. "'"
end

--- Text as UTF-8: each byte that is none is replaced by U+FFFD.
function printable.utf8(text)
  return (text:gsub("[\128-\255]+", function(bytes)
    local parts, place = {}, 1
    while place <= #bytes do
      local sequence = sequence_at(bytes, place)
      parts[#parts + 1] = sequence or REPLACEMENT
      place = place + (sequence and #sequence or 1)
    end
    return table.concat(parts)
  end))
end

return printable
