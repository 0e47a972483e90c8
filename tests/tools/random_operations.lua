--- Random operations through the Lua module and the command, each result compared with the reference
-- (tests/lua/reference.lua), until the time is over.
--
--   luajit tests/tools/random_operations.lua [SECONDS [SEED]]        60 by default, and a seed of the time
--
-- Embeddings of every kind, sizes, forms of input and output, contexts made, forgotten and shut down, calls that
-- must fail and leave everything as it was, caches that are stopped and gone on with. The seed is printed: with it
-- the same operations come again, in the same order. Exits with 1 at the first difference.
-- Needs the library built, as the specs do, or named by VKC_LIBRARY.

local ROOT = arg[0]:match("^(.*)/[^/]*$") .. "/../.."
package.path = ("%s/lua/?.lua;%s/tests/lua/?.lua;%s"):format(ROOT, ROOT, package.path)

local ffi = require("ffi")
local cjson = require("cjson")
local cache_helper = require("cache_helper")
local helper = require("helper")
local new_reference = require("reference")
local posix_time = require("posix.time")
local vk = require("vk_compute")

local SECONDS = tonumber(arg[1] or 60)
local SEED = tonumber(arg[2] or os.time())

local state = SEED % 2147483646 + 1
-- An integer from low to high.
local function random(low, high)
  state = state * 16807 % 2147483647
  return low + state % (high - low + 1)
end
local function one_of(list) return list[random(1, #list)] end
local function chance(percent) return random(1, 100) <= percent end

local KINDS = {}
for name in pairs(helper.kinds) do KINDS[#KINDS + 1] = name end
table.sort(KINDS)

-- What is being done, for the message where it goes wrong.
local doing = "nothing"

-- Raises where two values differ; tables are compared all through.
local function same(expected, found, place)
  if type(expected) ~= "table" or type(found) ~= "table" then
    if expected ~= found then error(("%s is %s and should be %s"):format(place, found, expected), 0) end
    return
  end
  same(#expected, #found, "the length of " .. place)
  for k = 1, #expected do same(expected[k], found[k], ("%s[%d]"):format(place, k)) end
end

-- A result as tables, whatever it was asked as.
local function tables(result) return result.totable and result:totable() or result end

local function form() return chance(50) and "view" or nil end

-- ---- What is uploaded ------------------------------------------------------------------------------

local function new_embeddings()
  -- Mostly small, so that much is tried; around the sizes of subgroups, tiles and texels, too.
  local n = chance(70) and random(1, 40) or one_of({ 63, 64, 65, 127, 128, 129, random(41, 140) })
  local d = chance(70) and random(1, 20) or one_of({ 15, 16, 17, 31, 32, 33, random(21, 70) })
  local made = { n = n, d = d, kind = one_of(KINDS), center = chance(50) }
  made.data = helper.kinds[made.kind](n, d)
  local factor = one_of({ 1, 1, 1e-3, 1e4 })
  -- Unlike the last ones of the same kind and size.
  for k = 0, n * d - 1 do made.data[k] = (made.data[k] + (chance(5) and 0.25 or 0)) * factor end
  made.expected = new_reference(made.data, n, d, made.center)
  return made
end

local folder = helper.temporary_folder()
local input, path = folder .. "/embeddings.npy", folder .. "/cache.npy"

local contexts = {}
local context, embeddings

local function upload()
  local new = new_embeddings()
  doing = ("uploading %d x %d, %s, centred: %s"):format(new.n, new.d, new.kind, new.center)
  local options = { center = new.center }
  local how = random(1, 4)
  if how == 1 then
    context:upload_embeddings(helper.nested(new.data, new.n, new.d), options)
  elseif how == 2 then
    context:upload_embeddings(helper.flat(new.data, new.n, new.d), new.n, new.d, options)
  elseif how == 3 then
    context:upload_embeddings(new.data, new.n, new.d, options)
  else
    cache_helper.write_embeddings(input, new.data, new.n, new.d)
    context:upload_embeddings(vk.read_embeddings(input), options)
  end
  embeddings = new
end

local function switch_context()
  local how = random(1, 4)
  if how == 1 and contexts[1] then
    contexts[1]:shutdown()
    table.remove(contexts, 1)
  elseif how == 2 then
    contexts = {}  -- forgotten
    collectgarbage()
  elseif how == 3 then
    collectgarbage()
  end
  context = vk.new()
  contexts[#contexts + 1] = context
  if #contexts > 3 then table.remove(contexts, 1):shutdown() end
  upload()
end

-- ---- What is computed ------------------------------------------------------------------------------

local operations = {}

-- How the next item is chosen, as options; and what must come of it.
local function new_order()
  local order = one_of({ "centroid", "centroid", "away", "toward" })
  if order == "centroid" then
    return { as = form() }, function(start, length) return embeddings.expected:sequence(start, length) end
  end
  local lambda = one_of({ 0, 1, 0.5, random(0, 1000) / 1000 })
  return { as = form(), order = order, lambda = lambda }, function(start, length)
    return embeddings.expected:sequence_by(order, lambda, start, length)
  end
end

function operations.matrix()
  same(embeddings.expected:matrix(), tables(context:compute_similarity_matrix({ as = form() })), "matrix")
end

function operations.rows()
  local first = random(0, embeddings.n)
  local count = random(0, embeddings.n - first)
  local expected, matrix = {}, embeddings.expected:matrix()
  for k = 1, count do expected[k] = matrix[first + k] end
  same(expected, tables(context:compute_similarity_rows(first, count, { as = form() })), "rows")
end

function operations.pairs_of_items()
  local first, second, expected = {}, {}, {}
  local matrix = embeddings.expected:matrix()
  for k = 1, random(0, 50) do
    first[k], second[k] = random(0, embeddings.n - 1), random(0, embeddings.n - 1)
    expected[k] = matrix[first[k] + 1][second[k] + 1]
  end
  same(expected, tables(context:compute_pair_similarities(first, second, { as = form() })), "pairs")
end

function operations.sequence()
  local start, length = random(0, embeddings.n - 1), random(1, embeddings.n)
  local options, expected = new_order()
  options.length = length
  same(expected(start, length), tables(context:compute_diversity_sequence(start, options)), "sequence")
end

function operations.sequences()
  local starts, rows, length = {}, {}, random(1, embeddings.n)
  local options, expected = new_order()
  for k = 1, random(1, 20) do
    starts[k] = random(0, embeddings.n - 1)
    rows[k] = expected(starts[k], length)
  end
  local given = starts
  if chance(30) then given = ffi.new("uint32_t[?]", #starts, starts) end
  same(rows, tables(context:compute_diversity_sequences(given, length, options)), "sequences")
end

function operations.all_sequences()
  local length, calls = random(1, embeddings.n), 0
  local options, expected = new_order()
  options.length, options.progress = length, function() calls = calls + 1 end
  local rows = {}
  for start = 0, embeddings.n - 1 do rows[start + 1] = expected(start, length) end
  same(rows, tables(context:compute_all_diversity_sequences(options)), "all sequences")
  assert(calls > 0, "no progress was told")
end

function operations.neighbors()
  if embeddings.n < 2 then return end
  local first, k = random(0, embeddings.n - 1), random(1, embeddings.n - 1)
  local count = random(1, embeddings.n - first)
  local expected_ids, expected_values = embeddings.expected:neighbors(k, first, count)
  local ids, values = context:compute_nearest_neighbors(k, { first = first, count = count, as = form() })
  same(expected_ids, tables(ids), "neighbours")
  same(expected_values, tables(values), "similarities of neighbours")
end

-- What must fail, and leave all as it was.
function operations.failures()
  local n = embeddings.n
  local calls = {
    function() context:compute_diversity_sequence(n) end,
    function() context:compute_diversity_sequences({ 0, n }, 1) end,
    function() context:compute_diversity_sequences({ 0 }, n + 1) end,
    function() context:compute_similarity_rows(n, 1) end,
    function() context:compute_nearest_neighbors(n) end,
    function() context:upload_embeddings({ { 1, 2 }, { 3 } }) end,
    function() context:upload_embeddings({ { 1, 0 / 0 } }) end,
    function() context:compute_all_diversity_sequences({ progress = function() error("mine") end }) end,
    function() vk.read_embeddings(folder .. "/nothing") end,
  }
  for _ = 1, 5 do
    local number = random(1, #calls)
    doing = "call " .. number .. " that must fail"
    if pcall(calls[number]) then error("no error was raised", 0) end
  end
  local info = context:embeddings_info()
  same({ n, embeddings.d, tostring(embeddings.center) },
    { info.num_embeddings, info.embedding_dim, tostring(info.centered) }, "what is uploaded")
end

-- ---- Caches ----------------------------------------------------------------------------------------

local PROGRAM = ROOT .. "/bin/vulkan-compute"

local function run(...)
  local output, code = cache_helper.run(PROGRAM, ...)
  if code ~= 0 then error(("exit code %d: %s"):format(code, output), 0) end
end

-- By another process: a cache is computed by a forked one, which must not have a context.
function operations.cache()
  local neighbors = embeddings.n > 1 and chance(50)
  local length = random(1, neighbors and embeddings.n - 1 or embeddings.n)
  local command, option = "cache", "--length"
  if neighbors then command, option = "neighbors", "--k" end
  local words = { command, input, path, option, length, "--batch", random(1, 9), "--quiet" }
  if embeddings.center then words[#words + 1] = "--center" end
  doing = table.concat(words, " ")
  cache_helper.write_embeddings(input, embeddings.data, embeddings.n, embeddings.d)
  cache_helper.remove(path)
  for _ = 1, random(0, 2) do
    local pid = cache_helper.start_script(folder .. "/output", PROGRAM, unpack(words))
    cache_helper.sleep(random(1, 400) / 1000)
    cache_helper.kill(pid, one_of({ 2, 9, 15 }))
    cache_helper.wait(pid)
  end
  run(unpack(words))
  run("export", path, path .. ".export.json", "--force")
  local expected = neighbors and embeddings.expected:neighbors(length) or embeddings.expected:sequences(length)
  local cache = (neighbors and vk.load_neighbors_cache or vk.load_diversity_cache)(path, { embeddings = input })
  local document = cjson.decode(cache_helper.contents(path .. ".export.json"))
  local exported = document[neighbors and "neighbors" or "sequences"]
  for row = 0, embeddings.n - 1 do
    same(expected[row + 1], cache:row(row), "row " .. row)
    same(expected[row + 1], exported[tostring(row)], "exported row " .. row)
  end
  cache:close()
end

-- ---- One after another -----------------------------------------------------------------------------

local names = {}
for name in pairs(operations) do names[#names + 1] = name end
table.sort(names)

local function seconds()
  local now = posix_time.clock_gettime(posix_time.CLOCK_MONOTONIC)
  return now.tv_sec + now.tv_nsec / 1e9
end

print(("seed %d"):format(SEED))
local counts = {}
local began, operation = seconds(), 0
local ok, problem = pcall(function()
  switch_context()
  while seconds() - began < SECONDS do
    operation = operation + 1
    if chance(4) then switch_context() elseif chance(30) then upload() end
    -- Caches take a hundred times as long as what is computed here.
    local name = one_of(names)
    if name ~= "cache" or chance(15) then
      doing = name
      operations[name]()
      counts[name] = (counts[name] or 0) + 1
    end
  end
end)
for _, one in ipairs(contexts) do one:shutdown() end
helper.execute("rm", "-rf", folder)
if not ok then
  io.stderr:write(("error: operation %d (%s)%s: %s\nagain: luajit tests/tools/random_operations.lua %d %d\n"):format(
    operation, doing, embeddings and (", of %d x %d, %s, centred: %s"):format(embeddings.n, embeddings.d,
      embeddings.kind, embeddings.center) or "", tostring(problem), SECONDS, SEED))
  os.exit(1)
end
for _, name in ipairs(names) do print(("%8d %s"):format(counts[name] or 0, name)) end
print("every result is the reference's")
