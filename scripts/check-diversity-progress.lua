#!/usr/bin/env luajit
-- Tells how a diversity cache stands that is being computed, was stopped or is finished:
-- vulkan-compute check.

package.path = (arg[0]:match("^(.*)/") or ".") .. "/../lua/?.lua;" .. package.path

require("vk_compute.cli").script("check-diversity-progress.lua", "check")
