--- Embeddings as nothing but float32 numbers, little-endian, row after row. The caller says n or d.
-- @module vk_compute.formats.raw

local binary = require("vk_compute.formats.binary")
local conversion = require("vk_compute.formats.conversion")
local fail = require("vk_compute.system.fail")

local raw = {}

-- What text consists of: sequences of UTF-8, the last of which the head may cut off, and printable ASCII.
local TEXT = { "[\194-\223][\128-\191]", "[\224-\239][\128-\191][\128-\191]",
  "[\240-\244][\128-\191][\128-\191][\128-\191]", "[\194-\244][\128-\191]?[\128-\191]?$", "[\9-\13\32-\126]" }

-- Whether a file's beginning is nothing but printable text. Of a thousand floats some bytes are none; of a
-- few they may all be by chance, but text read as floats would be nonsense that nobody sees.
local function is_text(file)
  local rest = file.head
  for k, pattern in ipairs(TEXT) do rest = rest:gsub(pattern, k == #TEXT and "" or " ") end
  return rest == ""
end

local function is_number(word)
  return tonumber(word) ~= nil and word:find("^[%d.eE+-]+$") ~= nil
end

-- The words of a line, and what lies between them: a comma, a semicolon or space.
local function words_of(line)
  local separator = line:match("[,;]") or " "
  local words = {}
  for word in line:gmatch(separator == " " and "%S+" or "[^" .. separator .. "]+") do
    words[#words + 1] = word:match("^%s*(.-)%s*$")
  end
  return words, separator
end

-- How many words a line has before nothing but numbers, and how many there are then.
local function columns_of(words)
  local first = #words + 1
  while first > 1 and is_number(words[first - 1]) do first = first - 1 end
  return first - 1, #words - first + 1
end

-- A command that makes embeddings of the text, or nil where the text shows none.
local function conversion_of(file)
  local lines = {}
  for line in file.head:gmatch("[^\r\n]+") do lines[#lines + 1] = line end
  local first, second = lines[1] or "", lines[2] or lines[1] or ""
  if file.head:find("\n[^\n]*\"%[%s*[%d.+-]") then
    -- It becomes a part of a command: nothing but letters.
    local column = first:match("[%a_]*embedding[%a_]*") or "embedding"
    return conversion.python(file.path, "csv, json",
      ('[json.loads(row["%s"]) for row in csv.DictReader(open(sys.argv[1]))]'):format(column))
  end
  local words, separator = words_of(second)
  local labels, count = columns_of(words)
  if count == 0 or labels > 1 then return nil end
  -- The first line may name columns, or tell n and d, as word2vec's files do.
  local first_labels, first_count = columns_of((words_of(first)))
  local arguments = { "sys.argv[1]", "ndmin=2", "comments=None" }
  if first_labels ~= labels or first_count ~= count then arguments[#arguments + 1] = "skiprows=1" end
  if separator ~= " " then arguments[#arguments + 1] = ('delimiter="%s"'):format(separator) end
  if labels > 0 then arguments[#arguments + 1] = ("usecols=range(1, %d)"):format(count + 1) end
  return conversion.python(file.path, "", ("numpy.loadtxt(%s)"):format(table.concat(arguments, ", ")))
end

local function refuse_text(file)
  local first_line = file.head:match("^%s*([^\r\n]*)"):gsub("[^\32-\126]", "?")
  local command = conversion_of(file)
  fail("%s looks like text, not float32: it begins '%.60s'. %s", file.path, first_line,
    command and "This makes out.npy of its numbers: " .. command
      or "Write the embeddings as JSON, a list of numbers for each, or with numpy.save")
end

--- Reads such a file, or refuses it where the caller says neither.
-- @tparam table file as embedding_file opens it
-- @tparam table options `n` or `d` or both
-- @treturn table as @{vk_compute.formats.embedding_file.read} describes it
function raw.read(file, options)
  if is_text(file) then refuse_text(file) end
  local n, d = options.n, options.d
  if not (n or d) then
    fail("%s is of no format known here: %s. If it is raw float32, say how many numbers an embedding has, with the "
      .. "option d (--dim), or how many embeddings there are, with n (--rows)", file.path, file.known_formats)
  end
  local row_bytes = d and 4 * d or file.size / n
  if (n or file.size / row_bytes) * row_bytes ~= file.size or file.size % row_bytes ~= 0
    or row_bytes % 4 ~= 0 then
    fail("%s is %.0f bytes long, which is no raw float32 with%s%s: it is cut off, or these are wrong",
      file.path, file.size, n and (" n = %.0f"):format(n) or "", d and (" d = %.0f"):format(d) or "")
  end
  return binary.result(file, "raw float32", binary.read(file, 0, file.size), file.size / row_bytes,
    row_bytes / 4)
end

return raw
