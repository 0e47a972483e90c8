#!/usr/bin/env luajit
-- Writes a finished diversity cache in another form: JSON or plain binary.

package.path = (arg[0]:match("^(.*)/") or ".") .. "/../lua/?.lua;" .. package.path

local argparse = require("argparse")
local cache = require("vk_compute.cache")
local command = require("vk_compute.command")

local function read_arguments()
  local parser = argparse("export-diversity-cache.lua", "Writes a finished cache in another form.",
    'JSON: {"metadata": {..}, "sequences": {"0": [0, ..], ..}}. Binary: uint32 n, then the rows, '
    .. "uint32, little-endian.")
  parser:argument("CACHE", "the file that compute-diversity-cache.lua made")
  parser:argument("OUTPUT", "file to write: JSON where its name ends in .json")
  parser:flag("--binary", "plain binary, whatever the name")
  local result = command.parse(parser)
  if not result.binary and not result.OUTPUT:match("%.json$") then
    command.refuse_use("name a file that ends in .json, or ask for --binary")
  end
  return result
end

local options = read_arguments()

command.run(function()
  local export = options.binary and cache.export_binary or cache.export_json
  export(options.CACHE, options.OUTPUT)
  return 0
end)
