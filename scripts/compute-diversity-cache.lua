#!/usr/bin/env luajit
-- Computes the diversity sequences from all embeddings of a .npy file into a cache file.

package.path = (arg[0]:match("^(.*)/") or ".") .. "/../lua/?.lua;" .. package.path

require("vk_compute.cache_command")("diversity")
