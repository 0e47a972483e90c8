#!/usr/bin/env luajit
-- Writes a finished diversity cache in another form: vulkan-compute export.

arg.script, arg.command = "export-diversity-cache.lua", "export"
dofile((arg[0]:match("^(.*)/") or ".") .. "/../bin/vulkan-compute")
