--- vulkan-compute diversity-sequence.
-- @module vk_compute.cli.diversity_sequence

local json = require("vk_compute.system.json")
local fail = require("vk_compute.system.fail")
local input = require("vk_compute.cli.input")
local item_list = require("vk_compute.cli.item_list")
local new_items = require("vk_compute.formats.items").new
local options_of = require("vk_compute.cli.options")
local output = require("vk_compute.cli.output")
local vk = require("vk_compute")

local diversity_sequence = {
  summary = "compute the walk from one item",
  description = "Computes the diversity sequence from one embedding: indices, counted from 0, the start"
    .. " first, each next one farthest from the centroid of those before it, or by another --order. As text: an index"
    .. " a line; with --texts, the items' ids and texts behind it.",
  epilog = "Exit codes: 0 done; 2 failed, refused or called wrongly; 130 stopped with Ctrl-C.",
}

function diversity_sequence.declare(parser)
  input.declare(parser)
  options_of.item(parser, "--start", "item to begin with"):count(1)
  options_of.length(parser)
  options_of.center(parser)
  options_of.order(parser)
  parser:flag("--scores", "show also each item's cosine to the start, and its greatest cosine to an earlier item that"
    .. " is not the start")
  item_list.declare(parser)
  options_of.device(parser)
  options_of.json(parser)
end

-- For each item of a sequence its cosine to the start, and the greatest to one between; false where there is none.
local function scores_of(context, sequence)
  local to_start, to_earlier = { false }, { false }
  for k = 2, #sequence do
    local earlier, same = {}, {}
    for place = 1, k - 1 do earlier[place], same[place] = sequence[place], sequence[k] end
    local cosines = context:compute_pair_similarities(earlier, same, { as = "view" })
    local greatest = false
    for place = 1, k - 2 do greatest = math.max(greatest or -1, cosines[place]) end
    to_start[k], to_earlier[k] = cosines[0], greatest
  end
  return to_start, to_earlier
end

-- JSON has null for what there is none of.
local function with_nulls(list)
  local result = {}
  for k, value in ipairs(list) do result[k] = value or json.null end
  return result
end

function diversity_sequence.main(options)
  options_of.check_order(options)
  input.check(options)
  local embeddings = input.read(options)
  local items = new_items(embeddings, options.texts, nil, input.reading(options.texts, options))
  local n, length = embeddings.n, options.length or embeddings.n
  local start = items:index_of(options.start, "--start", "--texts FILE")
  if length > n then
    fail("--length %.0f is more than the %.0f embeddings of %s", length, n, embeddings.path)
  end
  local context = input.upload(options, embeddings)
  local sequence = context:compute_diversity_sequence(start,
    { length = length, order = options.order, lambda = options.lambda })
  local out = output.new(options)
  local document = {
    input = embeddings.description,
    start = start, n = n, d = embeddings.d, length = length, centered = options.center or false,
    order = options.order or "centroid", lambda = options.lambda,
    device = context:device_info().name, definition_version = vk.definition_version(),
    sequence = sequence,
  }
  local scores
  if options.scores then
    scores = { scores_of(context, sequence) }
    document.cosines_to_start, document.greatest_cosines_to_earlier = with_nulls(scores[1]), with_nulls(scores[2])
  end
  item_list.say(out, items, sequence, scores)
  out:document(item_list.add_to(document, items, sequence))
  context:shutdown()
  return 0
end

return diversity_sequence
