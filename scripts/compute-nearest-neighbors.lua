#!/usr/bin/env luajit
-- Finds the nearest neighbours of all embeddings of a .npy file and puts them into a cache file.

package.path = (arg[0]:match("^(.*)/") or ".") .. "/../lua/?.lua;" .. package.path

require("vk_compute.cache_command")("neighbors")
