-- What the library and the report say of a collection, for comparison with its page: one JSON document.
--
-- usage: luajit expected.lua LISTS EMBEDDINGS PICKS DEVICE   (from the root; LISTS is JSON)

package.path = "lua/?.lua;" .. package.path
local collection = require("vk_compute.report.collection")
local json = require("vk_compute.system.json")
local picks = require("vk_compute.report.picks")
local vk = require("vk_compute")

local lists, count = json.decode(arg[1]), tonumber(arg[3])
local embeddings = vk.read_embeddings(arg[2])
local n = embeddings.n
local function quiet() end

local plain, centered = vk.new({ device = arg[4] }), vk.new({ device = arg[4] })
plain:upload_embeddings(embeddings)
centered:upload_embeddings(embeddings, { center = true })

local result = {
  lists = {}, matrix = plain:compute_similarity_matrix(), centered = centered:compute_similarity_matrix(),
}
for k, list in ipairs(lists) do
  local context, rows = list.centered and centered or plain, nil
  if list.order then
    rows = context:compute_all_diversity_sequences({ length = count + 1, order = list.order, lambda = list.lambda })
    for _, row in ipairs(rows) do table.remove(row, 1) end
  else
    rows = context:compute_nearest_neighbors(count)
  end
  result.lists[k] = {
    key = list.key, rows = rows,
    report = picks.judge({
      context = plain, n = n, count = count, sample = n, centered = list.centered, lambda = list.lambda,
      progress = quiet,
      picks_of = function(start)
        local from_zero = {}
        for place, id in ipairs(rows[start + 1]) do from_zero[place - 1] = id end
        return require("ffi").new("uint32_t[?]", count, from_zero)
      end,
    }),
  }
end
result.about = collection.describe({ embeddings = embeddings, context = plain, threshold = 0.95, progress = quiet })
print(json.encode_lists(result))
