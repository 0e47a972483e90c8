#!/usr/bin/env luajit
-- Writes a finished diversity cache in another form: vulkan-compute export.

package.path = (arg[0]:match("^(.*)/") or ".") .. "/../lua/?.lua;" .. package.path

require("vk_compute.cli").script("export-diversity-cache.lua", "export")
