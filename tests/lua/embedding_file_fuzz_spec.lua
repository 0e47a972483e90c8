-- Thousands of damaged files of embeddings: each is read, or refused with its name. VKC_FUZZ_ROUNDS=10000 damages the
-- file of each format so many times.

local bit = require("bit")
local cache_helper = require("cache_helper")
local embedding_file = require("vk_compute.formats.embedding_file")
local ffi = require("ffi")
local files = require("vk_compute.system.files")
local format_samples = require("format_samples")
local helper = require("helper")

local ROUNDS = tonumber(os.getenv("VKC_FUZZ_ROUNDS") or "100")

-- Whole numbers from 0 to below bound, the same in every run.
local function generator(seed)
  local state = seed
  return function(bound)
    state = state * 16807 % 2147483647
    return state % bound
  end
end

local function floats(...)
  local count = select("#", ...)
  return ffi.string(ffi.new("float[?]", count, ...), count * 4)
end

local function npy(descr, bytes)
  local header = ("{'descr': '%s', 'fortran_order': False, 'shape': (3, 2), }\n"):format(descr)
  return "\147NUMPY\1\0" .. string.char(#header) .. "\0" .. header .. ("\60\1\0\0\0\0\1\60"):rep(6):sub(1, bytes)
end

-- Small good files: name, contents and options. Those of format_samples are added to them.
local SEEDS = {
  { "f4.npy", npy("<f4", 24) }, { "f2.npy", npy(">f2", 12) }, { "f8.npy", npy("<f8", 48) },
  { "ollama.json", '{"model":"m","embeddings":[[0.5,-1.25e-3],[3,4],[0,1e3]],"total_duration":14}' },
  { "collection.json", '\239\187\191{"metadata": {"model": "a]\\"\\u00e4", "n": [1, {"x": null}]},\n "embeddings": ['
    .. '{"poem_index": 0, "id": "a", "embedding": [1, 2]},\n {"id": 17, "embedding": [-0.5, 2e-2], '
    .. '"poem_index": 1}]}' },
  { "missing.json", '[{"id":"a","embedding":[1]},{"id":"b","embedding":null},null,{"id":"c","embedding":[2]}]',
    { skip_missing = true } },
  { "objects.jsonl", '{"id":1,"embedding":[1,2]}\n{"embedding":[3,4],"id":2}\n{"id":3,"embedding":[5,6]}\n' },
  { "arrays.jsonl", "[0.1,0.2]\r\n[0.3,0.4]\r\n" },
  { "rows.fvecs", ("\2\0\0\0" .. floats(1, 2)):rep(3) },
  { "rows.fbin", "\3\0\0\0\2\0\0\0" .. floats(1, 2, 3, 4, 5, 6) },
  { "rows.raw", floats(1, 2, 3, 4, 5, 6), { d = 2 } },
}

-- What may come into a file: parts of its formats, and numbers that are large.
local PARTS = {
  "[", "]", "{", "}", ",", ":", '"', "\\", "\\u", "null", "NaN", "-", "1e999", "0.", "\n", "\0", " ", "embeddings",
  '"embedding":', '"embeddings":[', "\255\255\255\255", "\255\255\255\127", "\0\0\128\127", "1000000", "\147NUMPY",
  "\31\139\8", "PK\3\4", ("["):rep(1000), ("9"):rep(5000), (" "):rep(300), "(1, 1)", "<f8", "\239\187\191",
  '"poem_index":', '{"embeddings":[[1,2]]}\n', '"data":[', '"index":0', "PK\1\2", "PK\5\6", "400000 300\n", ",", ";",
  "\t", ("0.5,"):rep(500), '"[', "{0.1", "\\N", "...",
}

local function mutate(text, random)
  local place = random(#text + 1)
  local kind = random(6)
  if kind == 0 then return text:sub(1, place) end
  if kind == 1 then return text:sub(1, place) .. PARTS[random(#PARTS) + 1] .. text:sub(place + 1) end
  if kind == 2 then return text:sub(1, place) .. text:sub(place + 1 + random(8)) end
  if kind == 3 then return text:sub(1, place) .. string.char(random(256)) .. text:sub(place + 2) end
  if kind == 4 then
    local byte = text:byte(place + 1) or 0
    return text:sub(1, place) .. string.char(bit.bxor(byte, bit.lshift(1, random(8)))) .. text:sub(place + 2)
  end
  -- Another file's end behind this one's beginning.
  local other = SEEDS[random(#SEEDS) + 1][2]
  return text:sub(1, place) .. other:sub(random(#other) + 1)
end

-- A file, or as it would come through a pipe.
local function read_somehow(path, options, random)
  if random(4) > 0 then return embedding_file.read(path, options) end
  local type_name = files.type_name
  files.type_name = function() return "a pipe" end
  local ok, result = pcall(embedding_file.read, path, options)
  files.type_name = type_name
  if not ok then error(result, 0) end
  return result
end

-- What must hold of anything that was read.
local function assert_sound(array, contents, name)
  assert(array.n >= 1 and array.d >= 1 and array.bytes == 4 * array.n * array.d, name)
  -- A number takes a byte of a file or more; deflated, a thousandth.
  assert(array.bytes <= (array.format:find("^.npz") and 4096 or 4) * #contents, name)
  for k = 0, array.n * array.d - 1 do
    assert(array.data[k] - array.data[k] == 0, name)
  end
  assert(not array.ids or #array.ids == array.n, name)
end

describe("damaged files of embeddings", function()
  local folder

  setup(function()
    folder = helper.temporary_folder()
    for _, sample in ipairs(format_samples.write(folder, 6, 4)) do
      SEEDS[#SEEDS + 1] = { sample.name, sample.contents, { array = sample.array } }
    end
  end)
  teardown(function() helper.execute("rm", "-rf", folder) end)

  it("are read or refused with their names, and take no memory", function()
    for _, seed in ipairs(SEEDS) do
      local path = folder .. "/" .. seed[1]
      cache_helper.write(path, seed[2])
      assert_sound(embedding_file.read(path, seed[3]), seed[2], seed[1])
    end
    collectgarbage()
    helper.reset_peak_resident_bytes()
    local before = helper.peak_resident_bytes()

    local random = generator(20240229)
    local read, refused = 0, 0
    local mutations = ROUNDS * #SEEDS
    for round = 1, mutations do
      local seed = SEEDS[round % #SEEDS + 1]
      local contents = seed[2]
      for _ = 0, random(3) do contents = mutate(contents, random) end
      -- Half of them without the help of a name's ending.
      local path = folder .. "/" .. (random(2) == 0 and "embeddings" or seed[1])
      cache_helper.write(path, contents)
      local ok, result = pcall(read_somehow, path, seed[3], random)
      -- Some file systems bring a file to disk that is written anew in place: that takes long.
      os.remove(path)
      if ok then
        read = read + 1
        assert_sound(result, contents, ("round %d: %q"):format(round, contents))
      else
        refused = refused + 1
        -- A message of the reader; a fault in it would name a line of Lua.
        assert(type(result) == "string" and result:find(path, 1, true) and not result:find("%.lua:%d")
          and not result:find("[%c]"), ("round %d: %s"):format(round, tostring(result)))
      end
    end

    -- Both happen, or the mutations would test nothing.
    assert.are.equal(mutations, read + refused)
    assert.is_true(read > mutations / 20 and refused > mutations / 4, ("%d read"):format(read))
    -- Garbage among it: a reader must not take much even for a moment.
    local taken = (helper.peak_resident_bytes() - before) / 2 ^ 20
    assert.is_true(taken < 64, ("%.0f MiB were taken"):format(taken))
  end)
end)
