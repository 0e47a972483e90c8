--- vulkan-compute diversity-sequence.
-- @module vk_compute.cli.diversity_sequence

local fail = require("vk_compute.system.fail")
local input = require("vk_compute.cli.input")
local options_of = require("vk_compute.cli.options")
local output = require("vk_compute.cli.output")
local vk = require("vk_compute")

local diversity_sequence = {
  summary = "compute the walk from one item",
  description = "Computes the diversity sequence from one embedding: ids, counted from 0, the start"
    .. " first, each next one farthest from the centroid of those before it, or by another --order. As text: an id"
    .. " a line.",
  epilog = "Exit codes: 0 done; 1 failed or refused; 2 wrong use; 130 stopped with Ctrl-C.",
}

function diversity_sequence.declare(parser)
  input.declare(parser)
  parser:option("--start", "id to begin with: a row of EMBEDDINGS, counted from 0"):argname("ID")
    :convert(options_of.id):count(1)
  options_of.length(parser)
  options_of.center(parser)
  options_of.order(parser)
  options_of.device(parser)
  options_of.json(parser)
end

function diversity_sequence.main(options)
  options_of.check_order(options)
  input.check(options)
  local embeddings = input.read(options)
  local n, start, length = embeddings.n, options.start, options.length or embeddings.n
  if start >= n then
    fail("--start %.0f: %s holds %.0f embeddings, with ids from 0 to %.0f", start, embeddings.path, n,
      n - 1)
  elseif length > n then
    fail("--length %.0f is more than the %.0f embeddings of %s", length, n, embeddings.path)
  end
  local context = input.upload(options, embeddings)
  local sequence = context:compute_diversity_sequence(start,
    { length = length, order = options.order, lambda = options.lambda })
  local out = output.new(options)
  out:say(table.concat(sequence, "\n"))
  out:document({
    input = embeddings.description,
    start = start, n = n, d = embeddings.d, length = length, centered = options.center or false,
    order = options.order or "centroid", lambda = options.lambda,
    device = context:device_info().name, definition_version = vk.definition_version(),
    sequence = sequence,
  })
  context:shutdown()
  return 0
end

return diversity_sequence
