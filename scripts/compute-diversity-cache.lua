#!/usr/bin/env luajit
-- Computes the diversity sequences from all embeddings into a cache file: vulkan-compute cache.

package.path = (arg[0]:match("^(.*)/") or ".") .. "/../lua/?.lua;" .. package.path

require("vk_compute.cli").script("compute-diversity-cache.lua", "cache")
