#!/usr/bin/env luajit
-- Tells how a diversity cache stands that is being computed, was stopped or is finished:
-- vulkan-compute check.

arg.script, arg.command = "check-diversity-progress.lua", "check"
dofile((arg[0]:match("^(.*)/") or ".") .. "/../bin/vulkan-compute")
