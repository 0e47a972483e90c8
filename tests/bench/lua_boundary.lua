--- What it costs to call the library from LuaJIT: each way to pass embeddings in and to take results
-- out, beside the C call that it makes, in the same process. Prints a Markdown table.
--
--     luajit tests/bench/lua_boundary.lua [--embeddings FILE.npy] [--json FILE]

local root = (arg[0]:match("^(.*)/") or ".") .. "/../.."
package.path = root .. "/lua/?.lua;" .. package.path

local argparse = require("argparse")
local cjson = require("cjson")
local ffi = require("ffi")
local library = require("vk_compute.ffi.library")
local memory = require("vk_compute.ffi.memory")
local embedding_file = require("vk_compute.formats.embedding_file")
local posix_time = require("posix.time")
local vk = require("vk_compute")

local parser = argparse("lua_boundary.lua", "Measures what calls from LuaJIT cost over C calls.")
parser:option("--embeddings", "float32 rows", root .. "/data/psalms.npy")
parser:option("--device", "index or part of the name of a device")
parser:option("--repeat", "measured repetitions", "5"):convert(tonumber)
parser:option("--json", "also writes the figures there")
local options = parser:parse()

local function seconds_now()
  local now = posix_time.clock_gettime(posix_time.CLOCK_MONOTONIC)
  return now.tv_sec + now.tv_nsec * 1e-9
end

local function timed(body)
  collectgarbage()
  local begin = seconds_now()
  body()
  return seconds_now() - begin
end

local function median(values)
  local sorted = { unpack(values) }
  table.sort(sorted)
  local middle = math.floor(#sorted / 2)
  if #sorted % 2 == 1 then return sorted[middle + 1] end
  return (sorted[middle] + sorted[middle + 1]) / 2
end

local context = vk.new({ device = options.device })
local lib = library.load()
local array = embedding_file.read(options.embeddings)
local n, d, floats = array.n, array.d, array.data

local function check(result)
  if result ~= 0 then error(ffi.string(lib.vkc_last_error())) end
end

local function nested_tables()
  local rows = {}
  for i = 1, n do
    local row = {}
    for k = 1, d do row[k] = floats[(i - 1) * d + k - 1] end
    rows[i] = row
  end
  return rows
end

local function flat_table()
  local list = {}
  for i = 1, n * d do list[i] = floats[i - 1] end
  return list
end

-- ---- Measuring ---------------------------------------------------------------------------------

-- The library with its functions that compute replaced by ones that do nothing and succeed: what is
-- left of a call is Lua's part.
local function nothing() return 0 end
local idle_library = setmetatable({
  vkc_upload_embeddings_with = nothing,
  vkc_compute_diversity_sequences_with = nothing,
  vkc_compute_similarity_matrix = nothing,
}, { __index = lib })

local function without_library(body)
  local load = library.load
  library.load = function() return idle_library end
  local ok, result = pcall(body)
  library.load = load
  if not ok then error(result, 0) end
  return result
end

local figures = {}

-- Measures a call, in turns with the C call that it makes and with its own part alone.
local function figure(name, label, from_lua, from_c)
  local runs = { lua = {}, c = {}, alone = {}, ratios = {} }
  for turn = 0, options["repeat"] do  -- the first is not counted
    local lua, c = timed(from_lua), timed(from_c)
    local alone = without_library(function() return timed(from_lua) end)
    if turn > 0 then
      runs.lua[turn], runs.c[turn], runs.alone[turn] = lua, c, alone
      runs.ratios[turn] = lua / c
    end
  end
  figures[#figures + 1] = {
    name = name, label = label, n = n, d = d,
    seconds = { median = median(runs.lua), min = math.min(unpack(runs.lua)),
                max = math.max(unpack(runs.lua)), runs = runs.lua },
    yardsticks = { { name = "the C call", ratio = median(runs.ratios),
                     seconds = { median = median(runs.c), runs = runs.c } } },
    lua_alone = { seconds = { median = median(runs.alone), runs = runs.alone },
                  over_c_call = median(runs.alone) / median(runs.c) },
  }
end

local settings = ffi.new("VkcUploadOptions")
settings.struct_size = ffi.sizeof(settings)
local function upload_in_c()
  check(lib.vkc_upload_embeddings_with(context.handle, floats, n, d, settings))
end

local nested = nested_tables()
figure("upload_nested", "upload from nested tables",
  function() context:upload_embeddings(nested) end, upload_in_c)
nested = nil  -- luacheck: ignore (freed, so that it burdens no later collection)
local flat = flat_table()
figure("upload_flat", "upload from a flat table",
  function() context:upload_embeddings(flat, n, d) end, upload_in_c)
flat = nil  -- luacheck: ignore
figure("upload_memory", "upload from FFI memory",
  function() context:upload_embeddings(floats, n, d) end, upload_in_c)

local sequence = ffi.new("uint32_t[?]", n)
local function walk_in_c() check(lib.vkc_compute_diversity_sequence(context.handle, 0, sequence)) end
figure("sequence_view", "one sequence as a view",
  function() context:compute_diversity_sequence(0, { as = "view" }) end, walk_in_c)
figure("sequence_table", "one sequence as a table",
  function() context:compute_diversity_sequence(0) end, walk_in_c)

-- The matrix is on the device by now: these calls only fetch it. As tables it takes 8 n^2 bytes.
if n * n * 8 <= 2 ^ 30 then
  local matrix = memory.allocate("float", n * n, "the similarity matrix")
  local function matrix_in_c()
    check(lib.vkc_compute_similarity_matrix(context.handle, matrix))
  end
  figure("matrix_view", "the resident matrix as a view",
    function() context:compute_similarity_matrix({ as = "view" }) end, matrix_in_c)
  figure("matrix_table", "the resident matrix as tables",
    function() context:compute_similarity_matrix() end, matrix_in_c)
end

-- ---- Reporting ---------------------------------------------------------------------------------

local function time_text(seconds)
  if seconds >= 1 then return ("%.2f s"):format(seconds) end
  if seconds >= 1e-3 then return ("%.2f ms"):format(seconds * 1e3) end
  return ("%.2f µs"):format(seconds * 1e6)
end

local function percent(share) return ("%.3g %%"):format(share * 100) end

print(("## LuaJIT, n = %d, d = %d\n"):format(n, d))
print("Lua's part is the same call with the library's function replaced by one that does nothing.\n")
print("| figure | median | min to max | runs | yardstick | its median | ratio | Lua's part |"
  .. " over the C call |\n|---|---|---|---|---|---|---|---|---|")
for _, entry in ipairs(figures) do
  local c_call = entry.yardsticks[1]
  print(("| %s | %s | %s to %s | %d | %s | %s | %.3g | %s | %s |"):format(entry.label,
    time_text(entry.seconds.median), time_text(entry.seconds.min), time_text(entry.seconds.max),
    #entry.seconds.runs, c_call.name, time_text(c_call.seconds.median), c_call.ratio,
    time_text(entry.lua_alone.seconds.median), percent(entry.lua_alone.over_c_call)))
end

if options.json then
  local file = assert(io.open(options.json, "w"))
  assert(file:write(cjson.encode({
    program = "lua_boundary.lua",
    library_version = vk.version(),
    device = { name = context:device_info().name },
    embeddings = options.embeddings,
    figures = figures,
  }), "\n"))
  file:close()
end
context:shutdown()
