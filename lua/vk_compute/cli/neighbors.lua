--- vulkan-compute neighbors, and compute-nearest-neighbors.lua.
-- @module vk_compute.cli.neighbors

local command = require("vk_compute.cli.command")
local fail = require("vk_compute.system.fail")
local input = require("vk_compute.cli.input")
local item_list = require("vk_compute.cli.item_list")
local new_items = require("vk_compute.formats.items").new
local options_of = require("vk_compute.cli.options")
local output = require("vk_compute.cli.output")

local DEFAULT_PRINTED = 10

local into_file = require("vk_compute.cli.cache_command")("neighbors", {
  summary = "find the nearest neighbours of all items, into a file, or of one",
  description = "Finds the nearest neighbours of every embedding, exactly, into CACHE, a .npy file of"
    .. " uint32: row s holds the ids of the items most similar to s, the most similar first, s not"
    .. " among them. With --queries row q is of query q, which is no item. With --of and without CACHE it prints"
    .. " those of one item: index, cosine and, with --texts, text.",
  length = "neighbours of each item (default: 100, or with --of 10; or all where there are fewer)",
  is_cache_optional = true,
  has_similarities = true,
  query_kind = "nearest",
})

local function print_those_of_one(options)
  input.check(options)
  local embeddings = input.read(options)
  local items = new_items(embeddings, options.texts, nil, input.reading(options.texts, options))
  local item, n = items:index_of(options.of, "--of", "--texts FILE"), embeddings.n
  if n == 1 then fail("%s holds one embedding, which has no neighbours", embeddings.path) end
  local k = options.length or math.min(DEFAULT_PRINTED, n - 1)
  if k > n - 1 then fail("--k %.0f is more than the %.0f other embeddings of %s", k, n - 1, embeddings.path) end
  local context = input.upload(options, embeddings)
  local ids, cosines = context:compute_nearest_neighbors(k, { first = item, count = 1 })
  local out = output.new(options)
  item_list.say(out, items, ids[1], { cosines[1] })
  out:document(item_list.add_to({
    input = embeddings.description, of = item, n = n, d = embeddings.d, k = k, centered = options.center or false,
    device = context:device_info().name, neighbors = ids[1], cosines = cosines[1],
  }, items, ids[1]))
  context:shutdown()
  return 0
end

return {
  summary = into_file.summary,
  description = into_file.description,
  epilog = into_file.epilog,
  declare = function(parser)
    into_file.declare(parser)
    options_of.item(parser, "--of", "print the neighbours of this item")
    item_list.declare(parser)
  end,
  main = function(options)
    if options.of and options.queries then
      command.refuse_use("--of prints the neighbours of an item, and goes without --queries")
    elseif options.of and options.CACHE then
      command.refuse_use("--of prints the neighbours of one item and goes without CACHE")
    elseif options.of then
      return print_those_of_one(options)
    elseif options.texts then
      command.refuse_use("--texts goes with --of")
    elseif not options.CACHE then
      command.refuse_use("name the CACHE to make, or with --of an item")
    end
    return into_file.main(options)
  end,
}
