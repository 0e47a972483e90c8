--- What invariance.sh needs beside the command: embeddings, results of the Lua module, and files of caches
-- without what differs from run to run.
--
--   luajit invariance.lua embeddings N D OUTPUT        writes embeddings, the same on every machine
--   luajit invariance.lua metadata FILE                prints it without device, library version, date
--   luajit invariance.lua journal FILE                 prints its first line, and a line for each row
--   luajit invariance.lua results TREE FILE OUTPUT     what TREE's Lua module computes of FILE, of every sort
--   luajit invariance.lua starts TREE FILE OUTPUT      walks from its first 64 items, and what is near them
--
-- Only the last two use the library: the others judge what it wrote.

local ffi = require("ffi")

ffi.cdef([[
typedef struct { uint64_t low, high; } VkcTestHash128;
uint64_t XXH3_64bits(const void *data, size_t bytes);
VkcTestHash128 XXH3_128bits(const void *data, size_t bytes);
]])
local xxhash = ffi.load("libxxhash.so.0")

local function hex64(number) return bit.tohex(tonumber(number / 2 ^ 32)) .. bit.tohex(tonumber(number % 2 ^ 32)) end

local function contents(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local commands = {}

-- Integers, so that no rounding takes part. They have a direction in common and unequal norms, and every
-- 50th repeats another, as texts do.
function commands.embeddings(n, d, output)
  n, d = tonumber(n), tonumber(d)
  local state = 4711
  local function random()
    state = state * 16807 % 2147483647
    return state % 2001 - 1000
  end
  local data = ffi.new("float[?]", n * d)
  for row = 0, n - 1 do
    local scale = 1 + row % 5
    for k = 0, d - 1 do data[row * d + k] = scale * (random() + 500) end
    if row % 50 == 49 then ffi.copy(data + row * d, data + (row - 31) * d, d * 4) end
  end
  local header = ("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }"):format(n, d)
  header = header .. (" "):rep(-(10 + #header + 1) % 64) .. "\n"
  local file = assert(io.open(output, "wb"))
  assert(file:write("\147NUMPY\1\0", string.char(#header % 256, math.floor(#header / 256)), header,
    ffi.string(data, n * d * 4)))
  assert(file:close())
end

-- That its last member is the checksum of all before is checked, since it cannot be compared.
function commands.metadata(path)
  local text = contents(path)
  local body, checksum = text:match('^(.*),\n  "checksum": "(%x+)"\n}\n$')
  local hash = xxhash.XXH3_128bits(body, #body)
  assert(checksum == hex64(hash.high) .. hex64(hash.low), "the checksum does not fit")
  for _, member in ipairs({ "device", "library_version", "date" }) do
    local count
    body, count = body:gsub(('\n  "%s": "[^\n]*",\n'):format(member), "\n")
    assert(count == 1, member .. " is missing")
  end
  print(body)
end

-- How many rows a line holds depends on how fast the machine is, and every line has a time.
function commands.journal(path)
  local text = contents(path)
  local fingerprint
  for line in text:gmatch("(.-)\n") do
    local checksum, json = line:match("^(%x+) (.*)$")
    local signed = (fingerprint or "") .. json
    assert(checksum == hex64(xxhash.XXH3_64bits(signed, #signed)), "the checksum does not fit: " .. line)
    local ranges, checksums = json:match('^{"rows":%[([%d,%[%]]+)%],"checksums":"(%x+)","time":%d+%.%d%d%d}$')
    if not fingerprint then
      fingerprint = json:match('"fingerprint":"(%x+)"')
      print(line)
    elseif ranges then
      local place = 1
      for first, count in ranges:gmatch("%[(%d+),(%d+)%]") do
        for row = tonumber(first), first + count - 1 do
          print(row, checksums:sub(place, place + 15))
          place = place + 16
        end
      end
      assert(place == #checksums + 1, "as many checksums as rows: " .. line)
    else
      assert(json:find('^{"run":{.+},"time":%d+%.%d%d%d}$'), "no record: " .. line)
    end
  end
  assert(text:sub(-1) == "\n" and fingerprint, "a journal")
end

-- Calls fn(context, put) for embeddings as they are, and centred: put(view, ...) appends views to the output.
local function with_contexts(tree, input, output, fn)
  package.path = tree .. "/lua/?.lua;" .. package.path
  local vk = require("vk_compute")
  local embeddings = vk.read_embeddings(input)
  local file = assert(io.open(output, "wb"))
  local function put(...)
    for _, view in ipairs({ ... }) do
      assert(file:write(ffi.string(view.data, 4 * (view.length or view.rows * view.cols))))
    end
  end
  local context = vk.new()
  for _, center in ipairs({ false, true }) do
    context:upload_embeddings(embeddings, { center = center })
    fn(context, put, embeddings.n)
  end
  context:shutdown()
  assert(file:close())
end

local VIEW = { as = "view" }

function commands.results(tree, input, output)
  with_contexts(tree, input, output, function(context, put, n)
    put(context:compute_similarity_rows(n - 3, 3, VIEW))
    put(context:compute_nearest_neighbors(7, VIEW))
    put(context:compute_similarity_matrix(VIEW))
    put(context:compute_diversity_sequence(n - 1, VIEW))
    put(context:compute_diversity_sequences({ 5, 0, 5, n - 1 }, 20, VIEW))
    put(context:compute_all_diversity_sequences({ length = 10, as = "view" }))
    put(context:compute_nearest_neighbors(n - 1, VIEW))
    put(context:compute_nearest_neighbors(3, { first = n - 2, count = 2, as = "view" }))
  end)
end

function commands.starts(tree, input, output)
  local starts = {}
  for k = 1, 64 do starts[k] = k - 1 end
  with_contexts(tree, input, output, function(context, put, n)
    put(context:compute_diversity_sequences(starts, n, VIEW))
    put(context:compute_similarity_rows(0, 64, VIEW))
    put(context:compute_nearest_neighbors(100, { first = 0, count = 64, as = "view" }))
  end)
end

local name = table.remove(arg, 1)
commands[name](unpack(arg))
