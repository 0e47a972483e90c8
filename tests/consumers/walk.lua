-- A LuaJIT script that finds installed modules by require.
local vk = require("vk_compute")

vk.init()
vk.upload_embeddings({ { 1, 0, 0.1 }, { 0.9, 0.1, 0 }, { -1, 0.2, 0 }, { 0, 0, -1 } })
print(table.concat(vk.compute_diversity_sequence(0), " "), vk.version())
vk.shutdown()
