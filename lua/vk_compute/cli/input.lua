--- The embeddings that a command is given.
-- @module vk_compute.cli.input

local clock = require("vk_compute.system.clock")
local embedding_file = require("vk_compute.formats.embedding_file")
local fail = require("vk_compute.system.fail")
local file_kind = require("vk_compute.cache.file_kind")
local norms = require("vk_compute.formats.norms")
local options_of = require("vk_compute.cli.options")
local output = require("vk_compute.cli.output")
local printable = require("vk_compute.system.printable")
local stop = require("vk_compute.cli.stop")
local vk = require("vk_compute")

local input = {}

--- Adds the argument EMBEDDINGS, and the options that say how to read it, to a parser.
function input.declare(parser)
  parser:argument("EMBEDDINGS", "file of embeddings, or - for standard input: " .. embedding_file.NAMES .. " or raw"
    .. " float32. JSON is as Ollama, OpenAI and llama.cpp give it or with ids; a poem_index in it must be the item's"
    .. " place in the file, from 0")
  parser:option("--array", "which array of a .npz, or tensor of a .safetensors, that holds several"):argname("NAME")
  parser:option("--dim", "numbers of an embedding; raw float32 needs this or --rows"):argname("D")
    :convert(options_of.count)
  parser:option("--rows", "number of embeddings"):argname("N"):convert(options_of.count)
  parser:flag("--skip-missing", "leave out items of JSON that have no embedding; ids are then the numbers"
    .. " of the items kept, not poem_index")
  parser:flag("--skip-zero", "leave out embeddings of which every number is 0; ids are then the numbers of those kept")
end

--- Raises where EMBEDDINGS is a cache: by mistake or since arguments were exchanged. To be called before
-- anything else is said of them.
-- @tparam table options of the command
-- @tparam[opt] string order its arguments, where it has more than one
function input.check(options, order)
  local path = options.EMBEDDINGS
  if file_kind.is_of_cache(path) then
    fail("%s looks like a cache of ids, not embeddings%s", path, order and ": the order is " .. order or "")
  end
end

-- Tells of embeddings that make results other than expected.
local function say_odd_norms(embeddings, out)
  local zero_rows, outlier = embeddings.zero_rows, embeddings.outlier
  if zero_rows[1] then
    out:notice(("note: %.0f of %.0f embeddings are all zeros: rows %s. Their cosine to all others is 0, so walks go"
      .. " to them early. Compute them again, or leave them out with --skip-zero"):format(#zero_rows, embeddings.n,
        norms.list(zero_rows, embeddings.ids)))
  end
  if outlier then
    out:notice(("note: the norm of row %s is up to %.3g times that of others: in centroids the weights of %.0f of them"
      .. " round away, and centroid walks from them go in the order of the file. Compute that row again, or divide "
      .. "each embedding by its norm"):format(norms.list({ outlier.row }, embeddings.ids), outlier.ratio,
        outlier.count))
  end
end

--- A function that shows how much of a file is read, and ends the reading with Ctrl-C.
-- @tparam string path
-- @tparam table options of the command
-- @tparam[opt] Output out where progress is also shown that is no bar on a terminal
-- @treturn function (done, total), in bytes
function input.reading(path, options, out)
  local own_out = output.new(options)
  return function(done, total)
    if stop.count() > 0 then fail("stopped") end
    local state = { phase = "reading", path = path, done = done, total = total }
    if out then out:progress(state) else own_out:bar(state) end
  end
end

--- Reads a file of embeddings. How much is read is shown; Ctrl-C ends it.
-- @tparam string path
-- @tparam table how as for embedding_file.read
-- @tparam table options of the command
-- @tparam[opt] Output out as for input.reading
-- @treturn table as from embedding_file.read
function input.read_file(path, how, options, out)
  how.progress = input.reading(path, options, out)
  return embedding_file.read(path, how)
end

--- Reads the file EMBEDDINGS.
-- @tparam table options of the command
-- @tparam[opt] Output out is told what the file was found to be
-- @treturn table as from embedding_file.read
function input.read(options, out)
  local embeddings = input.read_file(options.EMBEDDINGS, {
    n = options.rows, d = options.dim, skip_missing = options.skip_missing,
    skip_zero = options.skip_zero, array = options.array,
  }, options, out)
  if out then
    out:note(("%s: %s"):format(printable.line(embeddings.path), printable.line(embeddings.description)))
  end
  say_odd_norms(embeddings, out or output.new(options))
  return embeddings
end

--- Reads the file that --queries names, where it is given, as `queries` of the embeddings.
-- @tparam table options of the command
-- @tparam table embeddings as from read
-- @tparam Output out
function input.read_queries(options, embeddings, out)
  if not options.queries then return end
  local queries = input.read_file(options.queries, {}, options, out)
  if queries.d ~= embeddings.d then
    fail("%s has embeddings of %.0f numbers, and %s of %.0f: make queries with the model that made the embeddings",
      queries.path, queries.d, embeddings.path, embeddings.d)
  end
  out:note(("%s: %s"):format(printable.line(queries.path), printable.line(queries.description)))
  embeddings.queries = queries
end

--- Tells where the CPU computes though nobody asked for that.
-- @tparam table options of the command: `device`, `devices`
-- @tparam Output out
-- @tparam string name of the device
-- @tparam string device_type as from Context:device_info
function input.say_device(options, out, name, device_type)
  local chosen = options.device or options.devices or os.getenv("VKC_DEVICE")
  if device_type == "CPU" and (chosen == nil or chosen == "" or chosen == "all") then
    out:note(("note: %s, the CPU, computes: there is no usable GPU (vulkan-compute devices tells what there is)")
      :format(printable.line(name)))
  end
end

--- Opens a device, and brings the embeddings onto it. Long calls on it show what they are at, and end with Ctrl-C.
-- @tparam table options of the command: `device`, `center`
-- @tparam table embeddings as from read
-- @tparam[opt] Output out where progress is also shown that is no bar on a terminal
-- @treturn Context
function input.upload(options, embeddings, out)
  local own_out, began = output.new(options), clock.monotonic()
  local function show(state)
    if out then out:progress(state) else own_out:bar(state) end
  end
  own_out:bar({ phase = "starting", seconds = 0 })
  local context = vk.new({ device = options.device })
  local info = context:device_info()
  input.say_device(options, own_out, info.name, info.type)
  context:set_progress(function(phase, done, total)
    if stop.count() > 0 then fail("stopped") end
    show({
      phase = "calling", call = { phase = phase, done = done, total = total }, device = info.name,
      seconds = clock.monotonic() - began,
    })
  end)
  local ok, problem = pcall(context.upload_embeddings, context, embeddings.data, embeddings.n,
    embeddings.d, { center = options.center or false })
  if not ok then
    fail("%s: %s", embeddings.path, type(problem) == "table" and problem.message or problem)
  end
  return context
end

return input
