--- What the beginning of a file shows where it is text.
-- @module vk_compute.formats.text

local fail = require("vk_compute.system.fail")
local printable = require("vk_compute.system.printable")

local text = {}

-- What text consists of: sequences of UTF-8, the last of which the head may cut off, and printable ASCII.
local PARTS = { "[\194-\223][\128-\191]", "[\224-\239][\128-\191][\128-\191]",
  "[\240-\244][\128-\191][\128-\191][\128-\191]", "[\194-\244][\128-\191]?[\128-\191]?$", "[\9-\13\32-\126]" }

--- Whether a file's beginning holds what text, of whatever encoding, does not.
function text.is_binary(file)
  return file.head:find("[%z\1-\8\14-\31\127]") ~= nil
end

--- Whether a file's beginning is nothing but printable text. Of a thousand floats some bytes are none; of a
-- few they may all be by chance, but text read as floats would be nonsense that nobody sees.
function text.is_text(file)
  if text.is_binary(file) then return false end
  local rest = file.head
  for k, pattern in ipairs(PARTS) do rest = rest:gsub(pattern, k == #PARTS and "" or " ") end
  return rest == ""
end

--- Whether a word is a plain decimal number.
function text.is_number(word)
  return word:find("^[+-]?%.?%d[%d.eE+-]*$") ~= nil and tonumber(word) ~= nil
end

--- Raises where the first column seems to number the rows: its numbers go up by one, and all others have points. They
-- would be taken for a part of the embeddings.
-- @tparam table file a byte source
-- @tparam {string,...} first fields of the first line
-- @tparam {string,...} second of the next one
-- @tparam string separator between fields
function text.refuse_numbered(file, first, second, separator)
  if not (first[1]:find("^%d+$") and tonumber(second[1]) == tonumber(first[1]) + 1 and #first > 2) then return end
  for _, fields in ipairs({ first, second }) do
    for k = 2, #fields do
      if not fields[k]:find(".", 1, true) then return end
    end
  end
  local path = printable.shell_word(file.file)
  fail("%s: its first column seems to number the rows, %.24s and %.24s; no names of columns say so. Without it: "
    .. "cut %s-f 2- < %s > out.csv", file.path, first[1], second[1],
    separator == "\t" and "" or "-d '" .. separator .. "' ", path)
end

--- The first lines of a file that are not blank, as far as its head shows them.
-- @tparam table file a byte source
-- @tparam number count how many, at most
-- @treturn {string,...}
-- @treturn boolean whether the last one is cut off
function text.lines(file, count)
  local lines, at = {}, 1
  local head = file.head:gsub("^\239\187\191", "")
  while #lines < count do
    local line, past = head:match("^([^\n]*)\n()", at)
    if not line then
      local rest = head:sub(at)
      local is_cut = #file.head ~= file.size
      if rest:find("%S") then lines[#lines + 1] = rest else is_cut = false end
      return lines, is_cut
    end
    if line:find("%S") then lines[#lines + 1] = line:gsub("\r$", "") end
    at = past
  end
  return lines, false
end

return text
