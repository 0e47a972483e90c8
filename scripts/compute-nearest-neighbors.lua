#!/usr/bin/env luajit
-- Finds the nearest neighbours of all embeddings and puts them into a cache file: vulkan-compute neighbors.

package.path = (arg[0]:match("^(.*)/") or ".") .. "/../lua/?.lua;" .. package.path

require("vk_compute.cli").script("compute-nearest-neighbors.lua", "neighbors")
