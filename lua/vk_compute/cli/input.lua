--- The embeddings that a command is given.
-- @module vk_compute.cli.input

local fail = require("vk_compute.fail")
local npy = require("vk_compute.npy")
local vk = require("vk_compute")

local input = {}

--- Adds the argument EMBEDDINGS to a parser.
function input.declare(parser)
  parser:argument("EMBEDDINGS", ".npy file, float32, one row an item")
end

--- Reads the file EMBEDDINGS.
-- @tparam table options of the command
-- @treturn table as from npy.read_float32, with its `path`
function input.read(options)
  local embeddings = npy.read_float32(options.EMBEDDINGS)
  embeddings.path = options.EMBEDDINGS
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
