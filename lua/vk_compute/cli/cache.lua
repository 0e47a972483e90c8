--- vulkan-compute cache, and compute-diversity-cache.lua.
-- @module vk_compute.cli.cache

return require("vk_compute.cli.cache_command")("diversity", {
  summary = "compute the walks from all items into a file",
  description = "Computes the diversity sequence from every embedding into CACHE, a .npy file of"
    .. " uint32: row s holds item ids, s first, each next one farthest from the centroid of those"
    .. " before it, or by another --order.",
  has_orders = true,
  length = "ids of each sequence (default: all)",
})
