--- vulkan-compute neighbors, and compute-nearest-neighbors.lua.
-- @module vk_compute.cli.neighbors

return require("vk_compute.cli.cache_command")("neighbors", {
  summary = "find the nearest neighbours of all items, into a file",
  description = "Finds the nearest neighbours of every embedding, exactly, into CACHE, a .npy file of"
    .. " uint32: row s holds the ids of the items most similar to s, the most similar first, s not"
    .. " among them.",
  length = "neighbours of each item (default: 100, or all where there are fewer)",
})
