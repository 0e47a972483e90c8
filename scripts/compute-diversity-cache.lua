#!/usr/bin/env luajit
-- Computes the diversity sequences from all embeddings into a cache file: vulkan-compute cache.

arg.script, arg.command = "compute-diversity-cache.lua", "cache"
dofile((arg[0]:match("^(.*)/") or ".") .. "/../bin/vulkan-compute")
