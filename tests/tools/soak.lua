-- Every operation of the Lua module, again and again, to see that memory holds steady and that results
-- stay what they were. Contexts are made and shut down, or forgotten, in every tenth round. That it is
-- every operation is checked: a public function that no round has called is an error.
--
--   luajit tests/tools/soak.lua [ROUNDS]        2,000 by default; memory is compared from 40 rounds on
--
-- Prints a table of memory (what the process has in RAM, what Lua has, open files), and exits with 1
-- where one has grown by more than its bound from the second third of the rounds to the last, the first
-- being for what allocators and drivers take once; where a result differs; or where a function was not called.
-- Needs the library built, as the specs do, or named by VKC_LIBRARY.

local ROOT = arg[0]:match("^(.*)/[^/]*$") .. "/../.."
package.path = ("%s/lua/?.lua;%s/tests/lua/?.lua;%s"):format(ROOT, ROOT, package.path)

local ffi = require("ffi")
local dirent = require("posix.dirent")
local cjson = require("cjson")
local caches = require("vk_compute.cache")
local embedding_file = require("vk_compute.formats.embedding_file")
local helper = require("helper")
local kinds = require("vk_compute.cache.kinds")
local npy = require("vk_compute.formats.npy_header")
local vk = require("vk_compute")

local ROUNDS = tonumber(arg[1] or 2000)
local N, D, K = 67, 9, 5
-- By so much they may grow. A copy of the embeddings (2.4 kB) lost in each of 2,000 rounds would be
-- 1.6 MB from third to third, a table of theirs 7 MB in Lua.
local MOST_GROWTH = { rss_kb = 1536, lua_kb = 256, files = 0 }

-- ---- What goes in --------------------------------------------------------------------------------

local data = helper.kinds["unequal norms"](N, D)
local nested, flat = helper.nested(data, N, D), helper.flat(data, N, D)
local bytes = ffi.string(data, N * D * 4)
local folder = helper.temporary_folder()

local function write(name, contents)
  local path = folder .. "/" .. name
  local file = assert(io.open(path, "wb"))
  assert(file:write(contents))
  assert(file:close())
  return path
end

local function int32(number) return ffi.string(ffi.new("int32_t[1]", number), 4) end

local function fvecs()
  local rows = {}
  for row = 0, N - 1 do rows[row + 1] = int32(D) .. bytes:sub(row * D * 4 + 1, (row + 1) * D * 4) end
  return table.concat(rows)
end

local function lines()
  local rows = {}
  for i, row in ipairs(nested) do rows[i] = cjson.encode({ id = i - 1, embedding = row }) end
  return table.concat(rows, "\n") .. "\n"
end

cjson.encode_number_precision(14)
local embedding_files = {
  { write("a.npy", npy.float32_header(N, D) .. bytes) },
  { write("b.json", cjson.encode({ embeddings = nested })) },
  { write("c.jsonl", lines()) },
  { write("d.fvecs", fvecs()) },
  { write("e.fbin", int32(N) .. int32(D) .. bytes) },
  { write("f.raw", bytes), { d = D } },
}
local gaps = write("gaps.json", cjson.encode({ { embedding = { 1, 2 } }, { id = 7 } }))
local ragged = write("ragged.json", '{"embeddings": [[1, 2], [3]]}')
local cut = write("cut.npy", (npy.float32_header(N, D) .. bytes):sub(1, -2))

-- The caches are made, and verified, by another process: they are computed by a forked one.
local function make_cache(command, name, options)
  local path = folder .. "/" .. name
  local program = ROOT .. "/bin/vulkan-compute"
  helper.execute("luajit", program, command, embedding_files[1][1], path, "--quiet", unpack(options))
  helper.execute("luajit", program, "verify", path, embedding_files[1][1], "--quiet")
  return path
end
local diversity_cache = make_cache("cache", "diversity.npy", {})
local nearest_cache = folder .. "/nearest.npy"
helper.execute("luajit", ROOT .. "/bin/vulkan-compute", "neighbors", embedding_files[1][1], nearest_cache, "--quiet",
  "--k", tostring(K), "--queries", embedding_files[1][1])
local neighbors_cache = make_cache("neighbors", "neighbors.npy", { "--k", tostring(K), "--similarities" })

-- ---- What is called ------------------------------------------------------------------------------

local problems = {}

-- These fork, and must not be called in a process that has made a context: make_cache() has other
-- processes call them.
-- Merging, which takes seconds of files, is done 50 times in tests/lua/merge_kill_spec.lua.
local LEFT_OUT = {
  ["vk_compute.cache.compute"] = true, ["vk_compute.cache.verify"] = true, ["vk_compute.cache.merge"] = true,
}

-- By the names of functions, whether a call has returned: one that only ever raised is not soaked.
local called = {}

-- Has the functions of a table note their calls.
local function watch(prefix, functions)
  for key, fn in pairs(functions) do
    local name = prefix .. key
    if type(fn) == "function" and called[name] == nil and not LEFT_OUT[name] then
      called[name] = false
      local function note(...)
        called[name] = true
        return ...
      end
      functions[key] = function(...) return note(fn(...)) end
    end
  end
end

watch("vk_compute.", vk)
watch("vk_compute.formats.embedding_file.", embedding_file)
watch("vk_compute.cache.", caches)

-- ---- What comes out ------------------------------------------------------------------------------

-- One number for a table, of tables, of numbers.
local function digest(value, sum)
  if type(value) == "number" then return (sum * 31 + value * 2 ^ 20) % 2 ^ 40 end
  for i = 1, #value do sum = digest(value[i], sum) end
  return sum
end

local first_digests = {}

-- Takes a result, and compares it with the first of that name.
local function same(name, value)
  if type(value) == "table" and value.totable then value = value:totable() end
  local found = type(value) == "table" and digest(value, 0) or value
  if first_digests[name] == nil then first_digests[name] = found end
  if found ~= first_digests[name] then problems[name .. " differs from that of the first round"] = true end
end

local function fails(words, fn, ...)
  local ok, problem = pcall(fn, ...)
  if ok then
    problems["no error: " .. words] = true
  elseif not tostring(problem):find(words, 1, true) then
    problems[("the error is %q and should say %q"):format(tostring(problem), words)] = true
  end
end

-- ---- Operations ----------------------------------------------------------------------------------

local function plan(context, name)
  for _, work in ipairs({ "upload", "similarity", "diversity", "neighbors" }) do
    local found = context:plan_memory({ n = N, d = D, work = work })
    same(name .. "plan of " .. work, { found.device_bytes, found.host_bytes, found.walks_at_once })
  end
  local found = context:plan_memory({ n = N, d = D, work = "neighbors", count = 3, k = K })
  same(name .. "plan of few", { found.device_bytes, found.host_bytes })
  same(name .. "plan of many", tostring(context:plan_memory({ n = 2 ^ 31, d = D }).fits))
end

-- All that a context computes; what is uploaded is always the same.
local function compute(context, name)
  local function result(what, value) same(name .. what, value) end
  result("matrix", context:compute_similarity_matrix())
  result("matrix", context:compute_similarity_matrix({ as = "view" }))
  result("rows", context:compute_similarity_rows(60, 7))
  result("rows", context:compute_similarity_rows(60, 7, { as = "view" }))
  result("no rows", context:compute_similarity_rows(3, 0))
  result("pairs", context:compute_pair_similarities({ 0, 5, 66 }, { 66, 5, 1 }))
  result("pairs", context:compute_pair_similarities({ 0, 5, 66 }, { 66, 5, 1 }, { as = "view" }))
  result("sequence", context:compute_diversity_sequence(66))
  result("sequence", context:compute_diversity_sequence(66, { as = "view" }))
  result("sequences", context:compute_diversity_sequences({ 0, 5, 5, 66 }, 20))
  result("sequences", context:compute_diversity_sequences(ffi.new("uint32_t[4]", 0, 5, 5, 66), 20,
    { as = "view" }))
  for _, order in ipairs({ "away", "toward" }) do
    local how = { order = order, lambda = 0.3 }
    result(order, context:compute_diversity_sequence(66, how))
    result(order .. " of many", context:compute_diversity_sequences({ 0, 5, 5, 66 }, 20, how))
    result("a batch", context:recommended_batch(20, how) > 0)
  end
  result("a batch", context:recommended_neighbors_batch(K) > 0)

  local function go_on() end
  result("all", context:compute_all_diversity_sequences({ length = 10, progress = go_on }))
  result("all", context:compute_all_diversity_sequences({ length = 10, as = "view" }))
  result("all done", context:compute_all_diversity_sequences({ length = 10, on_batch = go_on }))
  local none, why = context:compute_all_diversity_sequences({ progress = function() return false end })
  result("cancelled", #none)
  result("why", why)

  local ids, similarities = context:compute_nearest_neighbors(K)
  result("neighbours", ids)
  result("similarities", similarities)
  ids, similarities = context:compute_nearest_neighbors(K, { as = "view", progress = go_on })
  result("neighbours", ids)
  result("similarities", similarities)
  result("neighbours of few", context:compute_nearest_neighbors(N - 1,
    { first = 60, count = 7, similarities = false }))
  local heard = 0
  context:set_progress(function() heard = heard + 1 end)
  ids, similarities = context:find_nearest(K, nested)
  context:set_progress(nil)
  result("progress", heard > 0)
  result("nearest", ids)
  result("similarities of nearest", similarities)
  plan(context, name)
  result("n", context:embeddings_info().num_embeddings)
  result("device", context:device_info().name)
end

local function upload_every_form(context, options)
  context:upload_embeddings(nested, options)
  context:upload_embeddings(flat, N, D, options)
  context:upload_embeddings(ffi.cast("float *", data), N, D, options)
  context:upload_embeddings(vk.read_embeddings(embedding_files[1][1]), options)
  context:upload_embeddings(data, N, D, options)
end

local function raise_errors(context)
  fails("ragged", vk.read_embeddings, ragged)
  fails("cut.npy", vk.read_embeddings, cut)
  fails("no such file", vk.read_embeddings, folder .. "/no such file")
  fails("NaN", context.upload_embeddings, context, { { 1, 2 }, { 3, 0 / 0 } })
  fails("row 2", context.upload_embeddings, context, { { 1, 2 }, { 3 } })
  fails("start", context.compute_diversity_sequence, context, N)
  fails("start", context.compute_diversity_sequence, context, "0")
  fails("length", context.compute_diversity_sequences, context, { 0 }, N + 1)
  fails("rows", context.compute_similarity_rows, context, 66, 2)
  fails("position", function() return context:compute_similarity_rows(0, 1, { as = "view" })[0][N] end)
  fails("k", context.compute_nearest_neighbors, context, N)
  fails("work", context.plan_memory, context, { n = N, d = D, work = "all" })
  fails("length", context.plan_memory, context, { n = N, d = D, length = N + 1 })
  fails("option", context.compute_similarity_matrix, context, { az = "view" })
  fails("mine", context.compute_all_diversity_sequences, context,
    { progress = function() error("mine") end })
  fails("NO_SUCH_DEVICE", function()
    local _, problem = pcall(vk.new, { device = "no such device" })
    error(problem.name, 0)
  end)
end

local function read_caches(round)
  local given = { embedding_files[1][1], nested, { flat, N, D } }
  local cache = vk.load_diversity_cache(diversity_cache,
    { embeddings = given[round % #given + 1], partial = round % 2 == 0 })
  watch("cache:", getmetatable(cache).__index)
  same("cache row", cache:row(66))
  same("cache row", cache:row(66, { as = "view" }))
  fails("start", cache.row, cache, N)
  if round % 2 == 0 then cache:close() end
  local neighbors = vk.load_neighbors_cache(neighbors_cache)
  vk.load_nearest_cache(nearest_cache):close()
  same("neighbours' row", neighbors:row(66))
  same("similarities' row", neighbors:similarities(66))
  neighbors:close()
  fails("closed", neighbors.row, neighbors, 0)
  fails("holds", vk.load_neighbors_cache, diversity_cache)
  fails("other embeddings", vk.load_diversity_cache, diversity_cache, { embeddings = { { 1, 2 }, { 3, 4 } } })
end

local function look_at_caches()
  same("state", caches.status(diversity_cache).state)
  local loaded = caches.load(diversity_cache)
  same("cache row", loaded:row(66))
  loaded:close()
  same("no state", caches.status(folder .. "/no such cache").state)
  local input = embedding_files[1][1]
  caches.check_path(folder .. "/no such cache", kinds.diversity, { input })
  caches.check_path(diversity_cache, kinds.diversity, { input })
  fails("holds the embeddings", caches.check_path, input, kinds.diversity, { input })
  for _, path in ipairs({ diversity_cache, neighbors_cache }) do
    local function export(ending, export_as, options)
      local output = folder .. "/exported." .. ending
      export_as(path, output, options)
      local file = assert(io.open(output, "rb"))
      same(path .. " as " .. ending, file:read("*a"))
      file:close()
      fails("belongs to the cache", export_as, path, path, options)
    end
    export("json", caches.export_json)
    export("bin", caches.export_binary, { force = true })
    fails("--force", caches.export_binary, path, folder .. "/exported.bin")
  end
end

-- The default context as an object: context:method(...) is vk.method(...).
local by_module = setmetatable({}, {
  __index = function(_, name)
    return function(_, ...) return vk[name](...) end
  end,
})

local function default_context()
  vk.init()
  fails("init() was called before", vk.init)
  upload_every_form(by_module)
  compute(by_module, "")
  vk.shutdown()
  fails("no default context", vk.embeddings_info)
end

local function round_of(round, kept)
  upload_every_form(kept, { center = true })
  compute(kept, "centred ")
  upload_every_form(kept)
  compute(kept, "")
  raise_errors(kept)
  same("sequence", kept:compute_diversity_sequence(66))
  local file = embedding_files[round % #embedding_files + 1]
  local read = vk.read_embeddings(file[1], file[2])
  if ffi.string(read.data, read.bytes) ~= bytes then problems[file[1] .. " is read as something else"] = true end
  same("skipped", #vk.read_embeddings(gaps, { skip_missing = true }).skipped)
  read_caches(round)
  if round % 10 == 1 then
    vk.list_devices()
    same("version", vk.version())
    same("definition", vk.definition_version())
    default_context()
    look_at_caches()
    local another = vk.new({ device = kept:device_info().index })
    upload_every_form(another)
    compute(another, "")
    if round % 20 == 1 then another:shutdown() end
  end
end

-- ---- Memory --------------------------------------------------------------------------------------

ffi.cdef("int malloc_trim(size_t pad);")

local function measure()
  collectgarbage()
  collectgarbage()
  -- What drivers have freed is no longer theirs, though malloc may keep it for the next context.
  ffi.C.malloc_trim(0)
  local open_files = 0
  for _ in dirent.files("/proc/self/fd") do open_files = open_files + 1 end
  return { rss_kb = helper.resident_bytes() / 1024, lua_kb = collectgarbage("count"), files = open_files }
end

local function show(round, at)
  print(("%6d %14.0f %14.0f %12d"):format(round, at.rss_kb, at.lua_kb, at.files))
end

io.stdout:setvbuf("line")
print((" round %14s %14s %12s"):format("in RAM (kB)", "in Lua (kB)", "open files"))
local every = math.max(1, math.floor(ROUNDS / 20))
-- The least of each that was seen in the second third of the rounds and in the last: what allocators take
-- and give back wanders above it.
local least = { {}, {} }
local kept = vk.new()
watch("context:", getmetatable(kept).__index)
for round = 1, ROUNDS do
  round_of(round, kept)
  if round % every == 0 then
    local now = measure()
    show(round, now)
    if round > ROUNDS / 3 then
      local third = least[round <= ROUNDS * 2 / 3 and 1 or 2]
      for what, amount in pairs(now) do third[what] = math.min(third[what] or amount, amount) end
    end
  end
end
kept:shutdown()
helper.execute("rm", "-rf", folder)

if ROUNDS >= 40 then
  for what, most in pairs(MOST_GROWTH) do
    local growth = least[2][what] - least[1][what]
    if growth > most then
      problems[("%s has grown by %.0f; at most %d is right"):format(what, growth, most)] = true
    end
  end
end
for name, has_returned in pairs(called) do
  if not has_returned then problems[name .. "() was not called: add it to a round"] = true end
end
for problem in pairs(problems) do io.stderr:write("error: ", problem, "\n") end
if next(problems) then os.exit(1) end
print(("%d rounds: memory is steady, all results are the same"):format(ROUNDS))
