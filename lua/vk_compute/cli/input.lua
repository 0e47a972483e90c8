--- The embeddings that a command is given.
-- @module vk_compute.cli.input

local embedding_file = require("vk_compute.formats.embedding_file")
local fail = require("vk_compute.system.fail")
local file_kind = require("vk_compute.cache.file_kind")
local options_of = require("vk_compute.cli.options")
local printable = require("vk_compute.system.printable")
local vk = require("vk_compute")

local input = {}

--- Adds the argument EMBEDDINGS, and the options that say how to read it, to a parser.
function input.declare(parser)
  parser:argument("EMBEDDINGS", "file of embeddings: .npy, JSON as Ollama gives it or with ids, JSONL, .fvecs,"
    .. " .fbin or raw float32. A poem_index in JSON must be the item's place in the file, from 0")
  parser:option("--dim", "numbers of an embedding; raw float32 needs this or --rows"):argname("D")
    :convert(options_of.count)
  parser:option("--rows", "number of embeddings"):argname("N"):convert(options_of.count)
  parser:flag("--skip-missing", "leave out items of JSON that have no embedding; ids are then the numbers"
    .. " of the items kept, not poem_index")
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

--- Reads the file EMBEDDINGS.
-- @tparam table options of the command
-- @tparam[opt] Output out is told what the file was found to be
-- @treturn table as from embedding_file.read
function input.read(options, out)
  local embeddings = embedding_file.read(options.EMBEDDINGS, {
    n = options.rows, d = options.dim, skip_missing = options.skip_missing,
  })
  if out then
    out:note(("%s: %s"):format(printable.line(embeddings.path), printable.line(embeddings.description)))
  end
  return embeddings
end

--- Opens a device, and brings the embeddings onto it.
-- @tparam table options of the command: `device`, `center`
-- @tparam table embeddings as from read
-- @treturn Context
function input.upload(options, embeddings)
  local context = vk.new({ device = options.device })
  local ok, problem = pcall(context.upload_embeddings, context, embeddings.data, embeddings.n,
    embeddings.d, { center = options.center or false })
  if not ok then
    fail("%s: %s", embeddings.path, type(problem) == "table" and problem.message or problem)
  end
  return context
end

return input
