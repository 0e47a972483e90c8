--- Formats that are not read: recognised, so that the message can say how to convert them.
-- @module vk_compute.formats.foreign

local fail = require("vk_compute.system.fail")
local printable = require("vk_compute.system.printable")

-- Bytes at the beginning, what they mean, and a line that converts.
local MAGIC = {
  { "\31\139\8", "gzip", "gunzip -k FILE" },
  { "\40\181\47\253", "Zstandard", "zstd -d FILE" },
  { "\253\55zXZ\0", "xz", "xz -dk FILE" },
  { "BZh", "bzip2", "bunzip2 -k FILE" },
  { "PK\3\4", "a zip archive, maybe an .npz or PyTorch file",
    "numpy.save('out.npy', numpy.load('FILE')['NAME']), or numpy.save('out.npy', torch.load('FILE').numpy())" },
  { "PAR1", "Parquet", "numpy.save('out.npy', numpy.stack(pandas.read_parquet('FILE')['embedding']))" },
  { "ARROW1", "Arrow or Feather", "numpy.save('out.npy', numpy.stack(pandas.read_feather('FILE')['embedding']))" },
  { "\137HDF\r\n\26\n", "HDF5", "numpy.save('out.npy', h5py.File('FILE')['NAME'][:])" },
  { "SQLite format 3\0", "an SQLite database",
    "sqlite3 -json FILE 'SELECT id, embedding FROM ...'" },
}

-- Told by more than their first bytes.
local PATTERNS = {
  -- Any text after a byte order mark; without one, JSON, since floats may look like other text.
  { "^\255\254[\t-~]%z[\t-~]%z", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 FILE > out.json" },
  { "^\254\255%z[\t-~]%z[\t-~]", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 FILE > out.json" },
  { "^[%[{]%z[\t-~]%z[\t-~]%z", "UTF-16 text", "iconv -f UTF-16LE -t UTF-8 FILE > out.json" },
  { "^%z[%[{]%z[\t-~]%z[\t-~]", "UTF-16 text", "iconv -f UTF-16BE -t UTF-8 FILE > out.json" },
  { "^......%z%z{%s*\"", "safetensors",
    "numpy.save('out.npy', safetensors.numpy.load_file('FILE')['NAME'])" },
  { "^\128[\4\5]\149", "a Python pickle",
    "numpy.save('out.npy', numpy.array(pickle.load(open('FILE', 'rb'))))" },
}

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
  local entry = entry_of(file)
    or { nil, "of integers", "numpy.save('out.npy', ARRAY.astype('float32')), if these are embeddings" }
  local convert = entry[3]:gsub("'?FILE'?", function(name)
    return name == "FILE" and printable.shell_word(file.path) or printable.python_string(file.path)
  end)
  fail("%s is %s, which is not read here. Convert it: %s", file.path, entry[2], convert)
end

return foreign
