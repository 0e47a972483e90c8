-- Writes what the module computes of a file of embeddings to files in the current directory.
-- usage: same_bytes.lua EMBEDDINGS LENGTH K

local ffi = require("ffi")
local vk = require("vk_compute")

local path, length, k = arg[1], tonumber(arg[2]), tonumber(arg[3])

local function save(name, view)
  local file = assert(io.open(name, "wb"))
  assert(file:write(ffi.string(view.data, 4 * view.rows * view.cols)))
  file:close()
end

vk.init()
vk.upload_embeddings(vk.read_embeddings(path), { center = true })
save("sequences", vk.compute_all_diversity_sequences({ length = length, as = "view" }))
save("away", vk.compute_all_diversity_sequences({ length = length, order = "away", lambda = 0.3, as = "view" }))
local ids, similarities = vk.compute_nearest_neighbors(k, { as = "view" })
save("ids", ids)
save("similarities", similarities)
save("matrix", vk.compute_similarity_matrix({ as = "view" }))
vk.shutdown()
