--- Similarity matrices, diversity sequences and nearest neighbours of embeddings, on any Vulkan device,
-- exactly.
--
--     local vk = require("vk_compute")
--     vk.init()
--     vk.upload_embeddings({ { 1, 0 }, { 0.9, 0.1 }, { -1, 0.2 } })
--     for _, id in ipairs(vk.compute_diversity_sequence(0)) do print(id) end
--     vk.shutdown()
--
-- The functions of this module work on one default context, made by @{init}. Those who want several
-- make objects with @{new}: every method of @{Context} is also a function here, so
-- `vk.compute_diversity_sequence(0)` is `context:compute_diversity_sequence(0)` on the default one.
--
-- **Ids** count from 0, as in C, JSON and cache files: an embedding's id is its row number from 0.
-- Result tables are ordinary Lua arrays, which count from 1, and hold such ids:
-- `compute_diversity_sequence(s)[1] == s`.
--
-- **Results** are Lua tables, or with the option `as = "view"` FFI memory without a copy:
-- see @{vk_compute.ffi.view}. The option `into` takes FFI memory of the caller's, `uint32_t*` for ids or
-- `float*` for similarities, or such an array: results are written there, and the view that comes back is of
-- that memory, which the caller keeps. The caller answers for a pointer's size; an array's is checked.
--
-- **Errors** are raised, never returned. Wrong use that shows in the arguments is a string that begins
-- with the caller's file and line. What the library refuses or fails at is a table with `code`, `name`
-- (such as "VKC_ERROR_DEVICE_LOST"), `message` and `where`, and tostring() of it reads like such a
-- string. include/vulkan_compute.h lists the codes of each function.
-- A failed call leaves the context, with the embeddings in it, as it was.
--
-- **Threads**: a context is for the Lua state that made it.
-- @module vk_compute

local has_ffi, ffi = pcall(require, "ffi")
if not has_ffi then
  error("vk_compute needs LuaJIT for its FFI, but this is " .. _VERSION, 3)
end

local arguments = require("vk_compute.system.arguments")
local embeddings = require("vk_compute.ffi.embeddings")
local errors = require("vk_compute.system.errors")
local keep = require("vk_compute.system.keep")
local library = require("vk_compute.ffi.library")
local memory = require("vk_compute.ffi.memory")
local orders = require("vk_compute.ffi.orders")
local progress = require("vk_compute.ffi.progress")
local view = require("vk_compute.ffi.view")
local new_table = require("table.new")

local check, raise = errors.check, errors.raise

local vk = {}

-- ---- Devices and versions ----------------------------------------------------------------------

local DEVICE_TYPES = {
  [0] = "other",
  [1] = "integrated GPU",
  [2] = "discrete GPU",
  [3] = "virtual GPU",
  [4] = "CPU",
}

local function version_text(number)
  return ("%d.%d.%d"):format(number / 1000000, number / 1000 % 1000, number % 1000)
end

local function device_table(info)
  return {
    index = info.index,
    name = ffi.string(info.name),
    type = DEVICE_TYPES[info.type],
    driver = ffi.string(info.driver),
    vulkan_version = version_text(info.vulkan_version),
    memory_bytes = tonumber(info.memory_bytes),
    subgroup_size = info.subgroup_size,
    usable = info.usable == 1,
    missing = ffi.string(info.missing),
    uuid = ffi.string(info.uuid),
    pci_address = ffi.string(info.pci_address),
  }
end

--- Lists the devices of all Vulkan drivers, usable or not. Needs no context.
-- @treturn {table,...} in the order of their indices, each as from @{Context:device_info}
-- @raise no Vulkan loader, no driver
function vk.list_devices()
  local lib = library.load()
  local count = ffi.new("uint32_t[1]")
  check(lib, lib.vkc_list_devices(nil, count))
  local infos = ffi.new("VkcDeviceInfo[?]", count[0])
  infos[0].struct_size = ffi.sizeof("VkcDeviceInfo")
  check(lib, lib.vkc_list_devices(infos, count))
  local devices = {}
  for i = 1, count[0] do devices[i] = device_table(infos[i - 1]) end
  return devices
end

--- The library's version.
-- @treturn string "major.minor.patch"
function vk.version()
  return ffi.string(library.load().vkc_version_string())
end

--- The version of the definition of what is computed: between libraries with the same one, results
-- are equal to the last byte.
-- @treturn number
function vk.definition_version()
  return library.load().vkc_definition_version()
end

-- ---- Files of embeddings ------------------------------------------------------------------------

--- Reads a file of embeddings: JSON as Ollama and OpenAI give it, CSV, .npy, and the other formats that
-- @{vk_compute.formats.embedding_file} lists. The format is told by the contents. Needs no context, no device
-- and not the library; lua-posix and lua-cjson must be installed.
--
--     local embeddings = vk.read_embeddings("embeddings.json")
--     print(embeddings.description)
--     vk.upload_embeddings(embeddings, { center = true })
-- @tparam string path; "-" is standard input
-- @tparam[opt] table options `array`, `n`, `d`, `skip_missing`, `skip_zero`, `progress`: see
-- @{vk_compute.formats.embedding_file.read}
-- @treturn table `data` (`float*`, n x d, valid while the table is held), `n`, `d`, `bytes`, `path`,
-- `format`, `description`, `ids`, `skipped`: see there. @{Context:upload_embeddings} takes it, without
-- a copy
-- @raise wrong options; with the file's name, the place in it and what to do: what cannot be read, is
-- damaged, ragged, empty or not finite, and items without an embedding
function vk.read_embeddings(path, options)
  if type(path) ~= "string" then raise("path must be a string, but is %s", arguments.describe(path)) end
  options = arguments.options(options, {
    array = "string", n = "number", d = "number", skip_missing = "boolean", skip_zero = "boolean",
    progress = "function",
  })
  for _, name in ipairs({ "n", "d" }) do
    if options[name] and arguments.uint32(options[name], "option " .. name) == 0 then
      raise("option %s must be 1 or more", name)
    end
  end
  return require("vk_compute.formats.embedding_file").read(path, options)
end

-- ---- Caches ------------------------------------------------------------------------------------

local function load_cache(path, options, kind)
  return require("vk_compute.cache.reader").load(path, options, kind)
end

--- Opens a diversity cache for reading. The file is mapped, not read. Needs no context, no device and
-- not the library; lua-posix, lua-cjson and libxxhash must be installed.
-- @tparam string path of the .npy file
-- @tparam[opt] table options see @{vk_compute.cache.reader.load}
-- @treturn Cache with `cache:row(start, options)` and `cache:close()`: see @{vk_compute.cache.reader}
-- @raise no such cache; one that is not finished; a damaged one; one of other embeddings
function vk.load_diversity_cache(path, options)
  return load_cache(path, options, "diversity")
end

--- Opens a cache of nearest neighbours for reading, in the same way: `cache:row(id)` gives the ids of the
-- nearest neighbours of id, the most similar first.
-- @tparam string path of the .npy file
-- @tparam[opt] table options see @{vk_compute.cache.reader.load}
-- @treturn Cache see @{vk_compute.cache.reader}
-- @raise as for @{load_diversity_cache}
function vk.load_neighbors_cache(path, options)
  return load_cache(path, options, "neighbors")
end

--- Opens a cache of the nearest items of queries, in the same way: `cache:row(q)` gives the ids of the items nearest to
-- query q, the most similar first.
-- @tparam string path of the .npy file
-- @tparam[opt] table options see @{vk_compute.cache.reader.load}
-- @treturn Cache see @{vk_compute.cache.reader}
-- @raise as for @{load_diversity_cache}
function vk.load_nearest_cache(path, options)
  return load_cache(path, options, "nearest")
end

-- ---- Contexts ----------------------------------------------------------------------------------

local Context = {}
Context.__index = Context

-- Contexts not yet destroyed. The collector sees a few bytes of each, not the device behind it, so
-- forgotten ones could pile up: when they reach the bound, it is made to run.
local live, live_bound = 0, 8

local function collect_forgotten()
  if live < live_bound then return end
  collectgarbage()
  live_bound = math.max(8, 2 * live)
end

--- Makes a context. Its memory on the device is freed by @{Context:shutdown}, or when it is collected.
-- @tparam[opt] table options
--
-- - `device`: index in the device list (from 0), UUID, PCI address or part of a device's name, any case. Where
--   it is not given, the environment variable VKC_DEVICE, read the same way; else the first usable discrete
--   GPU, integrated GPU, virtual GPU, CPU, in this order
-- - `validation`: true loads the Khronos validation layer
-- @treturn Context
-- @raise wrong options; a missing library, with the paths tried; no Vulkan loader, driver or such
-- device; an unsuitable device; no validation layer; out of memory
function vk.new(options)
  options = arguments.options(options, { device = "string|number", validation = "boolean" })
  local device = options.device
  if type(device) == "number" then
    device = tostring(arguments.uint32(device, "option device, as an index,"))
  end

  local lib = library.load()
  collect_forgotten()
  local settings = ffi.new("VkcOptions")
  settings.struct_size = ffi.sizeof(settings)
  settings.validation = options.validation and 1 or 0
  settings.device = device
  local out = ffi.new("VkComputeContext*[1]")
  check(lib, lib.vkc_create(settings, out))

  live = live + 1
  local function destroy(handle)
    live = live - 1
    lib.vkc_destroy(handle)
  end
  return setmetatable({ handle = ffi.gc(out[0], destroy), destroy = destroy, uploads = 0 }, Context)
end

local default

--- Makes the default context.
-- @tparam[opt] table options as for @{new}
-- @treturn Context
-- @raise as for @{new}; a default context that is there already: @{shutdown} first, or use @{new}
function vk.init(options)
  if default and default.handle then
    raise("init() was called before: call shutdown() first, or make further contexts with new()")
  end
  default = vk.new(options)
  return default
end

--- Shuts the default context down, where there is one. @{init} makes another.
function vk.shutdown()
  if default then default:shutdown() end
  default = nil
end

local function check_self(self)
  if getmetatable(self) == Context then return end
  raise("a method needs its context: write context:method(...), with a colon")
end

-- What every method but shutdown begins with: gives the handle and the library.
local function open(self)
  check_self(self)
  if not self.handle then raise("this context was shut down: make a new one") end
  return self.handle, library.load()
end

-- Calls a function of the library that computes on the context, and tells of it meanwhile.
local function call(self, computing, ...)
  local was_computing = self.is_computing
  self.is_computing = true
  local ok, result = pcall(progress.call, library.load(), self.handle, self.listener, computing, ...)
  self.is_computing = was_computing
  if not ok then error(result, 0) end
  return result
end

local STOPPED = ffi.C.VKC_ERROR_STOPPED

-- The same as check, but that a call which was stopped is no error.
local function check_unless_stopped(lib, result, before)
  if result ~= STOPPED then check(lib, result, before) end
  return tonumber(result)
end

local function embeddings_info(handle, lib)
  local info = ffi.new("VkcEmbeddingsInfo")
  info.struct_size = ffi.sizeof(info)
  check(lib, lib.vkc_get_embeddings_info(handle, info))
  return info
end

--- A device, what has been uploaded to it and what was computed from that.
-- @type Context

--- Frees the context and all that it holds on the device, at once. Any later use raises, but for
-- another shutdown, which does nothing.
function Context:shutdown()
  check_self(self)
  local handle = self.handle
  if not handle then return end
  if self.is_computing then raise("a call is under way on this context: return false to stop it, then shut down") end
  self.handle = nil
  self.destroy(ffi.gc(handle, nil))
end

--- Describes the context's device.
-- @treturn table
--
-- - `index`: in the device list, from 0
-- - `name`, `driver`: as the driver gives them
-- - `type`: "discrete GPU", "integrated GPU", "virtual GPU", "CPU" or "other"
-- - `vulkan_version`: such as "1.3.224"
-- - `memory_bytes`: size of the largest device-local heap
-- - `subgroup_size`: invocations
-- - `usable`: whether it has all that is required; `missing`: what it lacks, or ""
-- - `uuid`, `pci_address`: such as "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9" and "0000:3b:00.0", or ""
function Context:device_info()
  local handle, lib = open(self)
  local info = ffi.new("VkcDeviceInfo")
  info.struct_size = ffi.sizeof(info)
  check(lib, lib.vkc_get_device_info(handle, info))
  return device_table(info)
end

--- Sets what is told how far a call on this context is, while it computes.
--
--     context:set_progress(function(phase, done, total)
--       print(phase, done, total)
--       return not stop_is_wanted()
--     end)
-- @tparam function|nil listener `function(phase, done, total)`, called several times a second, and at the beginning
-- and the end of each phase; nil: nothing is told, as at first. `phase` is "upload" (preparing and uploading embeddings
-- or queries), "matrix" (building the similarity matrix that stays on the device), "similarities", "walks" or
-- "neighbors"; units of `done` and `total` are the phase's own. Phases may come within others: walks that build
-- the matrix tell of that, too. Where it returns false, and nothing else that is false, the call stops, and raises
-- VKC_ERROR_STOPPED; @{Context:compute_all_diversity_sequences} and others that return "cancelled" do that. What is
-- uploaded stays, and of the matrix what is done: the next call that needs it goes on there. An error in it stops
-- the call, too, and reaches its caller unchanged. Other calls on the context are refused meanwhile.
-- @raise what is no function
function Context:set_progress(listener)
  open(self)
  if listener ~= nil and type(listener) ~= "function" then
    raise("listener must be a function or nil, but is %s", arguments.describe(listener))
  end
  self.listener = listener
end

local WORKS = { upload = 0, similarity = 1, diversity = 2, neighbors = 3 }
local WAYS = { "matrix", "rows", "filter" }

local PLAN_OPTIONS = {
  n = "number", d = "number", work = "string", count = "number", length = "number", k = "number",
}

--- Tells what memory the context would take to upload embeddings of some size and then do some work with
-- them, whether that fits, which way the work would go and about how long it would take. Allocates nothing, and
-- needs no upload. The context is taken to be empty: what it holds by now counts as not available.
--
--     local plan = vk.plan_memory({ n = 7797, d = 768, work = "diversity" })
--     print(plan.device_bytes, plan.available_device_bytes, plan.fits)
-- @tparam table options
--
-- - `n`, `d`: number and dimension of the embeddings
-- - `work`: "upload" (nothing more), "similarity", "diversity" (default) or "neighbors"
-- - `count`: rows, starts or items of the largest single call of the library (default: n)
-- - `length`: ids of each sequence (default: n); `k`: neighbours of each embedding (default: n - 1)
-- @treturn table
--
-- - `fits`: whether both peaks are within what is available
-- - `device_bytes`, `host_bytes`: the most memory at any moment, results not counted; where
--   `shared_memory` is true, the device's memory is the host's, and host_bytes counts both
-- - `available_device_bytes`, `available_host_bytes`: now
-- - `embeddings_bytes`, `matrix_bytes`, `work_bytes`: parts of device_bytes
-- - `walks_at_once`: walks under way together
-- - `way`: "matrix", "rows" (of the matrix, as they are needed) or "filter" (without a matrix); nil of
--   an upload
-- - `seconds`: about how long walks or neighbours will be computed, an estimate from rates of an H100 or of two cores
--   of a CPU; without the upload. nil of other work
-- @raise wrong options; more rows or items than there are; a length of 0 or above n
function Context:plan_memory(options)
  local handle, lib = open(self)
  options = arguments.options(options, PLAN_OPTIONS)
  local work = WORKS[options.work or "diversity"]
  if not work then
    raise("option work must be upload, similarity, diversity or neighbors, but is %s",
      arguments.describe(options.work))
  end
  for _, name in ipairs({ "n", "d" }) do arguments.uint32(options[name], "option " .. name) end
  local length = options.length
  if options.work == "neighbors" then length = options.k end
  for name, value in pairs({ count = options.count, length = length }) do
    if arguments.uint32(value, "option " .. name) == 0 then
      raise("option %s must be 1 or more", name == "length" and options.k and "k" or name)
    end
  end
  local request = ffi.new("VkcPlanRequest", ffi.sizeof("VkcPlanRequest"), work, options.n, options.d,
    options.count or 0, length or 0)
  local plan = ffi.new("VkcMemoryPlan")
  plan.struct_size = ffi.sizeof(plan)
  check(lib, lib.vkc_plan_memory(handle, request, plan))
  return {
    fits = plan.fits == 1,
    shared_memory = plan.shared_memory == 1,
    walks_at_once = plan.walks_at_once,
    device_bytes = tonumber(plan.device_bytes),
    host_bytes = tonumber(plan.host_bytes),
    available_device_bytes = tonumber(plan.available_device_bytes),
    available_host_bytes = tonumber(plan.available_host_bytes),
    embeddings_bytes = tonumber(plan.embeddings_bytes),
    matrix_bytes = tonumber(plan.matrix_bytes),
    work_bytes = tonumber(plan.work_bytes),
    way = WAYS[plan.way],
    seconds = plan.seconds > 0 and plan.seconds or nil,
  }
end

--- Uploads embeddings, n of dimension d, as float32. Replaces those uploaded before; on an error they
-- stay. Nothing of what is given is kept or changed. Five forms:
--
-- - `upload_embeddings(rows [, options])`: a table of n tables of d numbers each
-- - `upload_embeddings(flat, n, d [, options])`: a table of n x d numbers, row after row
-- - `upload_embeddings(memory, n, d [, options])`: FFI `float*` or `float[]`, n x d, row-major, read
--   in place; the caller answers for a pointer's size, an array's is checked
-- - `upload_embeddings(answer [, options])`: a decoded answer of Ollama, or a collection: a table with the rows as
--   `embeddings`, where each may be a table with the numbers as `embedding`
-- - `upload_embeddings(file [, options])`: what @{read_embeddings} gives, read in place
--
-- Options: `center`: true subtracts the mean embedding first (default false).
-- @param source rows, flat, memory or file
-- @tparam[opt] number n rows
-- @tparam[opt] number d columns
-- @tparam[opt] table options
-- @raise wrong or missing sizes; an empty table; ragged rows; what is not a number or too large for
-- float32, with row and column counted from 1; NaN and infinity, with row and column counted from 0;
-- what does not fit on the device
function Context:upload_embeddings(source, n, d, options)
  local _, lib = open(self)
  local data, rows, cols, given = embeddings.read(source, n, d, options)
  given = arguments.options(given, { center = "boolean" })
  local settings = ffi.new("VkcUploadOptions")
  settings.struct_size = ffi.sizeof(settings)
  settings.center = given.center and 1 or 0
  check(lib, call(self, lib.vkc_upload_embeddings_with, data, rows, cols, settings))
  self.uploads = self.uploads + 1
  keep(source)
end

--- Describes what is uploaded.
-- @treturn table
--
-- - `num_embeddings`: n; 0 before the first upload
-- - `embedding_dim`: d
-- - `centered`: whether the mean embedding was subtracted
-- - `weighted`: whether norms differ so much (by 1e-5, relative) that they count in the centroids
function Context:embeddings_info()
  local info = embeddings_info(open(self))
  return {
    num_embeddings = info.num_embeddings,
    embedding_dim = info.embedding_dim,
    centered = info.centered == 1,
    weighted = info.weighted == 1,
  }
end

-- Where results are to lie: in the caller's memory, or in new memory.
local function result_memory(options, element, rows, columns, what)
  if options.into then return memory.check(options.into, element, rows, columns, "option into") end
  return memory.allocate(element, rows * columns, what)
end

-- ---- Similarity --------------------------------------------------------------------------------

--- Computes the cosine similarity of every embedding to every other.
-- @tparam[opt] table options `as`: "table" (default) or "view"; `into`
-- @treturn table n tables of n numbers, row i + 1 that of id i; or a view of n x n `float`, 4 n^2
-- bytes. Symmetric, with a diagonal of exactly 1 (0 for a zero embedding)
-- @raise no embeddings; what does not fit on the device or in this process
function Context:compute_similarity_matrix(options)
  local handle, lib = open(self)
  options = arguments.options(options, { as = "string", into = "cdata" })
  local as_view = arguments.wants_view(options)
  local n = embeddings_info(handle, lib).num_embeddings
  local data = result_memory(options, "float", n, n, "the similarity matrix")
  check(lib, call(self, lib.vkc_compute_similarity_matrix, data))
  local matrix = view.grid(data, n, n)
  return as_view and matrix or matrix:totable()
end

--- Computes some rows of the similarity matrix, for when the whole does not fit or is not wanted.
-- @tparam number first id of the first row
-- @tparam number count rows; may be 0
-- @tparam[opt] table options `as`: "table" (default) or "view"; `into`
-- @treturn table count tables of n numbers; or a view of count x n `float`
-- @raise as for the matrix; rows that are not there
function Context:compute_similarity_rows(first, count, options)
  local handle, lib = open(self)
  arguments.uint32(first, "first")
  arguments.uint32(count, "count")
  options = arguments.options(options, { as = "string", into = "cdata" })
  local as_view = arguments.wants_view(options)
  local n = embeddings_info(handle, lib).num_embeddings
  -- Rows that are not there get no memory: the library refuses them before it writes.
  local data = result_memory(options, "float", first + count <= n and count or 0, n,
    "these rows of the similarity matrix")
  check(lib, call(self, lib.vkc_compute_similarity_rows, first, count, data))
  local rows = view.grid(data, count, n)
  return as_view and rows or rows:totable()
end

-- Ids as the library takes them, and their number: count, where it is given.
local function read_ids(ids, name, count)
  if type(ids) == "cdata" then
    memory.check(ids, "const uint32_t", count or 0, 1, name)
    if not count and not tostring(ffi.typeof(ids)):find("[", 1, true) then
      raise("%s: a pointer does not tell how many there are: the option count does", name)
    end
    return ids, count or ffi.sizeof(ids) / ffi.sizeof("uint32_t")
  end
  if type(ids) ~= "table" then
    raise("%s must be a table of ids or FFI uint32_t memory, but are %s", name, arguments.describe(ids))
  end
  count = count or #ids
  local data = memory.allocate("uint32_t", count, "the copy of the " .. name)
  for i = 1, count do
    data[i - 1] = arguments.uint32(ids[i], ("%s[%d]"):format(name, i))
  end
  return data, count
end

--- Computes the similarities of arbitrary pairs of embeddings, as in the similarity matrix, of which no row
-- is computed for that. In one call of the library, which cannot be stopped: some 100,000 pairs at a time
-- take far below a second.
-- @tparam {number,...} first_ids ids; or FFI `uint32_t[]`, all of which counts
-- @tparam {number,...} second_ids as many, in the same form or the other
-- @tparam[opt] table options `as`: "table" (default) or "view"; `into`; `count`: of the pairs, needed where ids are
-- FFI pointers
-- @treturn table for each i the similarity of first_ids[i] and second_ids[i]; or a view of that many `float`
-- @raise no embeddings; lists of different lengths; ids that are not there
function Context:compute_pair_similarities(first_ids, second_ids, options)
  local _, lib = open(self)
  options = arguments.options(options, { as = "string", into = "cdata", count = "number" })
  local as_view = arguments.wants_view(options)
  local given = options.count and arguments.uint32(options.count, "option count")
  local first, count = read_ids(first_ids, "first_ids", given)
  local second, second_count = read_ids(second_ids, "second_ids", given)
  if count ~= second_count then
    raise("first_ids are %.0f and second_ids %.0f: give as many of each", count, second_count)
  end
  local data = result_memory(options, "float", count, 1, "the similarities of these pairs")
  check(lib, call(self, lib.vkc_compute_pair_similarities, first, second, count, data))
  local similarities = view.list(data, count)
  return as_view and similarities or similarities:totable()
end

-- ---- Diversity sequences -----------------------------------------------------------------------

-- The order that options ask for, as the library takes it. Raises what the library would refuse, by its Lua names.
local function sequence_options(options, planned)
  local order, lambda = orders.by_name[options.order or "centroid"], options.lambda
  if not order then raise("option order must be %s, but is %s", orders.any, arguments.describe(options.order)) end
  if lambda and not order.has_lambda then
    raise("option lambda goes with order %s, not with %s", orders.any_with_lambda, order.name)
  end
  if order.has_lambda and not lambda then
    raise("order %s needs option lambda, from 0 to 1, such as 0.5", order.name)
  end
  if lambda and not (lambda >= 0 and lambda <= 1) then
    raise("option lambda must be from 0 to 1, but is %s", arguments.describe(lambda))
  end
  local settings = ffi.new("VkcSequenceOptions")
  settings.struct_size = ffi.sizeof(settings)
  settings.order, settings.lambda, settings.planned = order.value, lambda or 0, planned or 0
  return settings
end

--- Computes the diversity sequence from one embedding: again and again the one not yet chosen that is
-- farthest, by cosine distance, from the centroid of those chosen.
-- @tparam number start id of the first
-- @tparam[opt] table options
--
-- - `order`: how the next one is chosen: "centroid" (default), as said above: a varied tour of all; "away", the one
--   that is least like start and least like those chosen since; "toward", the most like start and least like those
--   chosen since. `lambda`: of the last two, from 0 to 1: how much start counts against the others. 1 is by
--   similarity to start alone. vulkan_compute.h defines them
-- - `length`: ids wanted, 1 to n (default n)
-- - `as`: "table" (default) or "view"; `into`
-- @treturn table length ids, each once, start first; or a view of length `uint32_t`
-- @raise no embeddings; no such start; a length of 0 or above n; no such order; what does not fit on the device
function Context:compute_diversity_sequence(start, options)
  local handle, lib = open(self)
  arguments.uint32(start, "start")
  options = arguments.options(options, { as = "string", into = "cdata", length = "number", order = "string",
    lambda = "number" })
  local as_view, how = arguments.wants_view(options), sequence_options(options)
  local n = embeddings_info(handle, lib).num_embeddings
  local length = options.length and arguments.uint32(options.length, "option length") or n
  -- A length that cannot be gets no memory: the library refuses it before it writes.
  local data = result_memory(options, "uint32_t", 1, length <= n and length or 0, "the diversity sequence")
  local starts = ffi.new("uint32_t[1]", start)
  check(lib, call(self, lib.vkc_compute_diversity_sequences_with, starts, 1, length, how, data))
  local sequence = view.list(data, length)
  return as_view and sequence or sequence:totable()
end

local function every_start(n)
  local data = memory.allocate("uint32_t", n, "the list of starts")
  for id = 0, n - 1 do data[id] = id end
  return data, n
end

-- How many starts to pass next. The library judges length here, before memory is taken for it.
local function recommended_batch(handle, lib, length, how)
  local count = ffi.new("uint32_t[1]")
  check(lib, lib.vkc_recommended_batch_with(handle, length, how, count))
  return count[0]
end

--- How many sequences a call should compute to take about half a second, as measured so far.
-- @tparam number length ids of each sequence, 1 to n
-- @tparam[opt] table options `order`, `lambda`: see @{Context:compute_diversity_sequence}
-- @treturn number 1 or more
-- @raise no embeddings; a length of 0 or above n; no such order; what does not fit
function Context:recommended_batch(length, options)
  local handle, lib = open(self)
  length = arguments.uint32(length, "length")
  options = arguments.options(options, { order = "string", lambda = "number" })
  return recommended_batch(handle, lib, length, sequence_options(options))
end

--- Computes the first length ids of the diversity sequences from several starts, in one call of the
-- library: much faster than one at a time, but it cannot be stopped. For many starts see
-- @{Context:compute_all_diversity_sequences}.
-- @tparam {number,...} starts ids, which may repeat; or FFI `uint32_t[]` or `uint32_t*`
-- @tparam[opt=n] number length ids of each sequence, 1 to n
-- @tparam[opt] table options `count`: of the starts, how many from the first on (default: all; a pointer needs
-- it); `planned`: how many are wanted in all, where further calls are to follow: what suits so many is chosen;
-- `order`, `lambda`: see @{Context:compute_diversity_sequence}; `as`: "table" (default) or "view"; `into`
-- @treturn table for each start a table of length ids; or a view of #starts x length `uint32_t`
-- @raise no embeddings; no such start; a length of 0 or above n; no such order; what does not fit
function Context:compute_diversity_sequences(starts, length, options)
  local handle, lib = open(self)
  options = arguments.options(options, { as = "string", count = "number", into = "cdata", order = "string",
    lambda = "number", planned = "number" })
  local planned = options.planned and arguments.uint32(options.planned, "option planned")
  local as_view, how = arguments.wants_view(options), sequence_options(options, planned)
  length = length == nil and embeddings_info(handle, lib).num_embeddings
    or arguments.uint32(length, "length")
  local ids, count = read_ids(starts, "starts", options.count and arguments.uint32(options.count, "option count"))
  recommended_batch(handle, lib, length, how)
  local data = result_memory(options, "uint32_t", count, length, "the diversity sequences")
  check(lib, call(self, lib.vkc_compute_diversity_sequences_with, ids, count, length, how, data))
  local sequences = view.grid(data, count, length)
  return as_view and sequences or sequences:totable()
end

-- Gives views of count x length ids, all on the same memory, which grows as needed.
local function reused_memory(length)
  local capacity, data = -1, nil
  return function(count)
    if count > capacity then
      data = memory.allocate("uint32_t", count * length, "a batch of diversity sequences")
      capacity = count
    end
    return view.grid(data, count, length)
  end
end

-- Gives a function (done, first_index, count) that reports progress and tells whether to go on.
local function new_progress(self, options, total)
  local uploads = self.uploads
  return function(done, first_index, count)
    local answer
    if options.progress then
      answer = options.progress(done, total, { first_index = first_index, count = count })
    end
    open(self)
    if self.uploads ~= uploads then
      raise("a callback replaced the embeddings that were being computed with")
    end
    return answer ~= false
  end
end

local ALL_OPTIONS = {
  length = "number",
  order = "string",
  lambda = "number",
  starts = "table|cdata",
  progress = "function",
  as = "string",
  into = "cdata",
  on_batch = "function",
}

--- Computes the diversity sequences from all embeddings, or from many, batch by batch, each batch
-- taking about half a second.
-- @tparam[opt] table options
--
-- - `length`: ids of each sequence, 1 to n (default n)
-- - `order`, `lambda`: see @{Context:compute_diversity_sequence}
-- - `starts`: table of ids, or FFI `uint32_t[]` (default: every id, 0 to n - 1)
-- - `as`: "table" (default) or "view"; `into`
-- - `progress`: `function(done, total, info)`, called before the first batch with done = 0 and after
--   each, with the sequences finished and wanted. `info.first_index` and `info.count` tell the batch
--   just finished. Where it returns false, and nothing else that is false, the computing stops.
-- - `on_batch`: `function(first_index, count, rows)`, called after each batch, before progress, with
--   its sequences: `rows` is a view of count x length `uint32_t`, overwritten by the next batch;
--   `first_index`, from 0, is the place of the first in the list of starts, its id where `starts` is
--   not given. The sequences are then not kept: memory stays that of one batch. Excludes `as`
--   and `into`.
--
-- An error raised in a callback ends the call and reaches the caller unchanged.
-- @treturn table for each start a table of length ids; or a view of count x length `uint32_t`; or,
-- with `on_batch`, the number of sequences finished. After a stop, what was finished by then
-- @treturn nil|string "cancelled" after a stop, else nil
-- @raise as for @{Context:compute_diversity_sequences}; a callback that replaces the embeddings or
-- shuts the context down
function Context:compute_all_diversity_sequences(options)
  local handle, lib = open(self)
  options = arguments.options(options, ALL_OPTIONS)
  local as_view, how = arguments.wants_view(options), sequence_options(options)
  if options.on_batch and (options.as or options.into) then
    raise("options on_batch and %s exclude each other: on_batch gets views, and nothing is kept",
      options.as and "as" or "into")
  end
  local n = embeddings_info(handle, lib).num_embeddings
  local length = options.length and arguments.uint32(options.length, "option length") or n
  recommended_batch(handle, lib, length, how)
  local starts, total
  if options.starts then
    starts, total = read_ids(options.starts, "starts")
  else
    starts, total = every_start(n)
  end

  -- Sequences go straight into all, or by way of one batch's memory to on_batch.
  local all, tables, on_batch
  if as_view then
    all = result_memory(options, "uint32_t", total, length, "all diversity sequences")
  elseif options.on_batch then
    on_batch = options.on_batch
  else
    tables = new_table(total, 0)
    on_batch = function(first_index, _, rows)
      for i, sequence in ipairs(rows:totable()) do tables[first_index + i] = sequence end
    end
  end
  local batch_memory = reused_memory(length)

  local goes_on = new_progress(self, options, total)
  local done = 0
  local wanted = goes_on(0, 0, 0)
  while wanted and done < total do
    local count = math.min(recommended_batch(handle, lib, length, how), total - done)
    local rows = on_batch and batch_memory(count)
    how.planned = total - done
    local result = call(self, lib.vkc_compute_diversity_sequences_with, starts + done, count, length, how,
      rows and rows.data or all + done * length)
    if check_unless_stopped(lib, result) == STOPPED then break end
    if on_batch then on_batch(done, count, rows) end
    done = done + count
    wanted = goes_on(done, done - count, count)
  end
  return all and view.grid(all, done, length) or tables or done,
    done < total and "cancelled" or nil
end

-- ---- Nearest neighbours ------------------------------------------------------------------------

-- The same for neighbours. The library judges k here.
local function recommended_neighbors_batch(handle, lib, k)
  local count = ffi.new("uint32_t[1]")
  check(lib, lib.vkc_recommended_neighbors_batch(handle, k, count))
  return count[0]
end

--- The neighbours of how many embeddings a call should compute to take about half a second, as measured so far.
-- @tparam number k 1 to n - 1
-- @treturn number 1 or more
-- @raise no embeddings; a k of 0 or above n - 1; what does not fit
function Context:recommended_neighbors_batch(k)
  local handle, lib = open(self)
  return recommended_neighbors_batch(handle, lib, arguments.uint32(k, "k"))
end

-- Goes through `total` items or queries, as many at a time as recommended() says. compute(done, count, ids,
-- similarities) writes those of the next, unless it returns STOPPED; similarities may be nil.
local function neighbors_in_batches(self, options, as_view, total, k, recommended, compute)
  if options.similarities_into and not options.into then
    raise("option similarities_into goes with into, the memory for the ids")
  end
  local ids = result_memory(options, "uint32_t", total, k, "the neighbours")
  local similarities
  if options.similarities_into then
    similarities = memory.check(options.similarities_into, "float", total, k, "option similarities_into")
  elseif options.similarities ~= false and not options.into then
    similarities = memory.allocate("float", total * k, "the similarities of the neighbours")
  end
  local goes_on = new_progress(self, options, total)
  local done = 0
  local wanted = goes_on(0, 0, 0)
  while wanted and done < total do
    local count = math.min(recommended(), total - done)
    if compute(done, count, ids + done * k, similarities and similarities + done * k) == STOPPED then break end
    done = done + count
    wanted = goes_on(done, done - count, count)
  end

  local id_rows = view.grid(ids, done, k)
  local similarity_rows = similarities and view.grid(similarities, done, k)
  if not as_view then
    id_rows, similarity_rows = id_rows:totable(), similarity_rows and similarity_rows:totable()
  end
  return id_rows, similarity_rows, done < total and "cancelled" or nil
end

local NEIGHBORS_OPTIONS = {
  first = "number",
  count = "number",
  similarities = "boolean",
  as = "string",
  into = "cdata",
  similarities_into = "cdata",
  progress = "function",
}

--- Finds for every embedding the k most similar others: the most similar first, the lowest id first
-- among those equally similar. The embedding itself is not among them; duplicates of it are. The
-- order is exact: it is not that of the rounded similarities. Goes batch by batch, each taking about
-- half a second, and needs no room for the similarity matrix.
-- @tparam number k 1 to n - 1
-- @tparam[opt] table options
--
-- - `first`: id of the first embedding whose neighbours are wanted (default 0)
-- - `count`: of how many, from there on (default: all that follow); may be 0
-- - `similarities`: false leaves them out
-- - `as`: "table" (default) or "view"
-- - `into`: `uint32_t` memory for the ids; `similarities_into`: `float` memory for the similarities. Where only
--   `into` is given, there are no similarities
-- - `progress`: `function(done, total, info)`, as for @{Context:compute_all_diversity_sequences}
-- @treturn table for each embedding a table of k ids; or a view of count x k `uint32_t`. After a stop,
-- what was finished by then
-- @treturn table of the same shape, the cosine similarities; or a view of count x k `float`; or nil
-- @treturn nil|string "cancelled" after a stop, else nil
-- @raise no embeddings; a k of 0 or above n - 1; embeddings that are not there; what does not fit; a
-- callback that replaces the embeddings or shuts the context down
function Context:compute_nearest_neighbors(k, options)
  local handle, lib = open(self)
  arguments.uint32(k, "k")
  options = arguments.options(options, NEIGHBORS_OPTIONS)
  local as_view = arguments.wants_view(options)
  local n = embeddings_info(handle, lib).num_embeddings
  local first = arguments.uint32(options.first or 0, "option first")
  local total = arguments.uint32(options.count or math.max(n - first, 0), "option count")
  -- The library judges k and the range here, before memory is taken for them.
  recommended_neighbors_batch(handle, lib, k)
  if first + total > n then
    check(lib, lib.vkc_compute_nearest_neighbors_of(handle, first, total, k, nil, nil))
  end

  return neighbors_in_batches(self, options, as_view, total, k,
    function() return recommended_neighbors_batch(handle, lib, k) end,
    function(done, count, ids, similarities)
      return check_unless_stopped(lib,
        call(self, lib.vkc_compute_nearest_neighbors_of, first + done, count, k, ids, similarities))
    end)
end

local QUERIES_OPTIONS = {
  similarities = "boolean",
  as = "string",
  into = "cdata",
  similarities_into = "cdata",
  progress = "function",
}

--- Finds for each of some queries, embeddings that are not among those uploaded, the k most similar of these: the
-- most similar first, the lowest id first among those equally similar. Queries are normalised and, with the mean of
-- those uploaded, centred as these are. One that equals the query is found, too. Goes batch by batch, as
-- @{Context:compute_nearest_neighbors}.
--
--     local ids, similarities = vk.find_nearest(10, { { 0.1, 0.7 } })
--     print(ids[1][1], similarities[1][1])
-- @tparam number k 1 to the number of embeddings uploaded
-- @param queries in one of the five forms that @{Context:upload_embeddings} takes
-- @tparam[opt] number n rows of a flat table or of FFI memory
-- @tparam[opt] number d columns
-- @tparam[opt] table options `similarities`, `as`, `into`, `similarities_into`, `progress`: see
-- @{Context:compute_nearest_neighbors}
-- @treturn table for each query a table of k ids; or a view. After a stop, what was finished by then
-- @treturn table of the same shape, the cosine similarities; or a view; or nil
-- @treturn nil|string "cancelled" after a stop, else nil
-- @raise no embeddings; queries of another dimension; a k of 0 or above n; what upload_embeddings raises
function Context:find_nearest(k, queries, n, d, options)
  local handle, lib = open(self)
  arguments.uint32(k, "k")
  local data, total, dim, given = embeddings.read(queries, n, d, options)
  options = arguments.options(given, QUERIES_OPTIONS)
  local as_view = arguments.wants_view(options)
  -- The library judges k and d here, before memory is taken for results.
  check(lib, lib.vkc_find_nearest(handle, nil, 0, dim, k, nil, nil))
  local of_uploaded = embeddings_info(handle, lib).num_embeddings
  local ids, similarities, stopped = neighbors_in_batches(self, options, as_view, total, k,
    -- It follows the speed, not k.
    function() return of_uploaded > 1 and recommended_neighbors_batch(handle, lib, 1) or total end,
    function(done, count, ids, similarities)
      return check_unless_stopped(lib,
        call(self, lib.vkc_find_nearest, data + done * dim, count, dim, k, ids, similarities),
        done > 0 and ("of the queries from row %.0f on: "):format(done))
    end)
  keep(queries)
  return ids, similarities, stopped
end

-- ---- The same as functions of the module, on the default context --------------------------------

for name, method in pairs(Context) do
  if type(method) == "function" and not vk[name] then
    vk[name] = function(first, ...)
      if first == vk then raise("write vk.%s(...), with a dot: only contexts take a colon", name) end
      if not default then
        raise("%s: there is no default context, or it was shut down: call init() first", name)
      end
      return method(default, first, ...)
    end
  end
end

return vk
