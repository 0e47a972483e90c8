#!/usr/bin/env luajit
-- Finds the nearest neighbours of all embeddings and puts them into a cache file: vulkan-compute neighbors.

arg.script, arg.command = "compute-nearest-neighbors.lua", "neighbors"
dofile((arg[0]:match("^(.*)/") or ".") .. "/../bin/vulkan-compute")
