--- Formats that are not read: recognised, so that the message can say how to convert them.
-- @module vk_compute.formats.foreign

local conversion = require("vk_compute.formats.conversion")
local fail = require("vk_compute.system.fail")
local printable = require("vk_compute.system.printable")

-- Rows of the first column of a table that holds lists.
local LISTS_OF = 'numpy.stack(next(column for _, column in %s.items() if hasattr(column.iloc[0], "__len__") and '
  .. "not isinstance(column.iloc[0], str)))"

-- Bytes at the beginning, what they mean, what converts, and what is to say of that. What converts is a command for a
-- shell, or the modules and the expression of one of Python: see conversion.lua. OUT is the file's name without its
-- last ending.
local MAGIC = {
  { "\31\139\8", "gzip", "gunzip < FILE > OUT" },
  { "\40\181\47\253", "Zstandard", "zstd -d < FILE > OUT" },
  { "\253\55zXZ\0", "xz", "xz -d < FILE > OUT" },
  { "BZh", "bzip2", "bunzip2 < FILE > OUT" },
  { "PAR1", "Parquet", { "pandas", LISTS_OF:format("pandas.read_parquet(sys.argv[1])") },
    "This takes pandas and pyarrow, and the first column of lists" },
  { "ARROW1", "Arrow or Feather", { "pandas", LISTS_OF:format("pandas.read_feather(sys.argv[1])") },
    "This takes pandas and pyarrow, and the first column of lists" },
  { "\137HDF\r\n\26\n", "HDF5", { "h5py", "next(iter(h5py.File(sys.argv[1]).values()))[:]" },
    "This takes h5py, and the first array" },
  { "SQLite format 3\0", "an SQLite database", { "sqlite3", '[numpy.frombuffer(row[0], "<f4") for row in '
    .. 'sqlite3.connect(sys.argv[1]).execute("SELECT embedding FROM embeddings ORDER BY rowid")]' },
    "This is for float32 in the column embedding of the table embeddings" },
}

-- Told by more than their first bytes.
local PATTERNS = {
  -- Any text after a byte order mark; without one, JSON, since floats may look like other text.
  { "^\255\254[\t-~]%z[\t-~]%z", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 < FILE > out.json" },
  { "^\254\255%z[\t-~]%z[\t-~]", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 < FILE > out.json" },
  { "^[%[{]%z[\t-~]%z[\t-~]%z", "UTF-16 text", "iconv -f UTF-16LE -t UTF-8 < FILE > out.json" },
  { "^%z[%[{]%z[\t-~]%z[\t-~]", "UTF-16 text", "iconv -f UTF-16BE -t UTF-8 < FILE > out.json" },
  { "^\128[\2-\5][\149c%]%}(]", "a Python pickle",
    { "pickle", 'pickle.load(open(sys.argv[1], "rb"))' }, "Unpickle only what you trust" },
}

local foreign = { extensions = {} }

local function entry_of(file)
  for _, entry in ipairs(MAGIC) do
    if file.head:sub(1, #entry[1]) == entry[1] then return entry end
  end
  for _, entry in ipairs(PATTERNS) do
    if file.head:find(entry[1]) then return entry end
  end
end

--- Whether a file begins like one of such a format.
function foreign.recognises(file)
  return entry_of(file) ~= nil
end

-- What a file is called that is unpacked from one: in the folder at hand.
local function name_unpacked(file)
  local name = file.file:match("([^/]*)$")
  return name:match("^(.+)%.[^.]+$") or "out"
end

--- Refuses such a file.
-- @tparam table file a byte source
function foreign.read(file)
  local entry = entry_of(file)
  local command = entry[3]
  command = type(command) == "table" and conversion.python(file.file, unpack(command))
    or command:gsub("FILE", function() return printable.shell_word(file.file) end)
      :gsub("OUT", function() return printable.shell_word(name_unpacked(file)) end)
  fail("%s is %s, which is not read here. Convert it: %s%s", file.path, entry[2], command,
    entry[4] and (". " .. entry[4]) or "")
end

return foreign
