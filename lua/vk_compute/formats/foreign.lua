--- Formats that are not read: recognised, so that the message can say how to convert them.
-- @module vk_compute.formats.foreign

local conversion = require("vk_compute.formats.conversion")
local fail = require("vk_compute.system.fail")
local printable = require("vk_compute.system.printable")

-- Bytes at the beginning, what they mean, what converts, and what is to say of that. What converts is a command for a
-- shell, or the modules and the expression of one of Python: see conversion.lua.
local MAGIC = {
  { "\31\139\8", "gzip", "gunzip -k FILE" },
  { "\40\181\47\253", "Zstandard", "zstd -d FILE" },
  { "\253\55zXZ\0", "xz", "xz -dk FILE" },
  { "BZh", "bzip2", "bunzip2 -k FILE" },
  { "PK\3\4", "a zip archive, maybe an .npz or PyTorch file",
    { "", "next(iter(numpy.load(sys.argv[1]).values()))" },
    "Of PyTorch: torch.load(FILE).numpy(), saved by numpy.save" },
  { "PAR1", "Parquet", { "pandas", 'numpy.stack(pandas.read_parquet(sys.argv[1])["embedding"])' } },
  { "ARROW1", "Arrow or Feather", { "pandas", 'numpy.stack(pandas.read_feather(sys.argv[1])["embedding"])' } },
  { "\137HDF\r\n\26\n", "HDF5", { "h5py", "next(iter(h5py.File(sys.argv[1]).values()))[:]" } },
  { "SQLite format 3\0", "an SQLite database", { "sqlite3", '[numpy.frombuffer(row[0], "<f4") for row in '
    .. 'sqlite3.connect(sys.argv[1]).execute("SELECT embedding FROM embeddings ORDER BY rowid")]' },
    "This is for float32 in the column embedding of the table embeddings" },
}

-- Told by more than their first bytes.
local PATTERNS = {
  -- Any text after a byte order mark; without one, JSON, since floats may look like other text.
  { "^\255\254[\t-~]%z[\t-~]%z", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 FILE > out.json" },
  { "^\254\255%z[\t-~]%z[\t-~]", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 FILE > out.json" },
  { "^[%[{]%z[\t-~]%z[\t-~]%z", "UTF-16 text", "iconv -f UTF-16LE -t UTF-8 FILE > out.json" },
  { "^%z[%[{]%z[\t-~]%z[\t-~]", "UTF-16 text", "iconv -f UTF-16BE -t UTF-8 FILE > out.json" },
  { "^......%z%z{%s*\"", "safetensors",
    { "safetensors.numpy", "next(iter(safetensors.numpy.load_file(sys.argv[1]).values()))" } },
  { "^\128[\4\5]\149", "a Python pickle",
    { "pickle", 'pickle.load(open(sys.argv[1], "rb"))' }, "Unpickle only what you trust" },
}

-- Laid out as .fvecs; a row is its number of integers, and the integers.
local OF_INTEGERS = "write the vectors as .fvecs or .npy of float32, if these are embeddings"

local foreign = {
  -- Of integers, but laid out as formats that are read.
  extensions = { "ivecs", "bvecs", "ibin", "u8bin", "i8bin" },
}

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

--- Refuses such a file.
-- @tparam table file as embedding_file opens it
function foreign.read(file)
  local entry = entry_of(file) or { nil, "of integers", OF_INTEGERS }
  local command = entry[3]
  command = type(command) == "table" and conversion.python(file.path, unpack(command))
    or command:gsub("FILE", function() return printable.shell_word(file.path) end)
  fail("%s is %s, which is not read here. Convert it: %s%s", file.path, entry[2], command,
    entry[4] and (". " .. entry[4]) or "")
end

return foreign
