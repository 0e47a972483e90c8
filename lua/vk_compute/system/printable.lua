--- Text from outside, such as names of files, made fit to be shown, or to be copied into a command.
-- @module vk_compute.system.printable

local printable = {}

local ESCAPES = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

--- Text on one line: control characters are escaped, as \n, \r, \t or \xHH.
function printable.line(text)
  return (text:gsub("%c", function(character)
    return ESCAPES[character] or ("\\x%02x"):format(character:byte())
  end))
end

--- Text as one word of a shell's command line: in quotes where it needs them.
function printable.shell_word(text)
  if text:find("^[%w._/][%w._/-]*$") then return text end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- Text as a string of Python.
function printable.python_string(text)
  return "'" .. text:gsub("[\\']", "\\%0") .. "'"
end

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
