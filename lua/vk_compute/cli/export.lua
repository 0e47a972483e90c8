--- vulkan-compute export, and export-diversity-cache.lua.
-- @module vk_compute.cli.export

local cache = require("vk_compute.cache")
local command = require("vk_compute.cli.command")
local files = require("vk_compute.system.files")
local input = require("vk_compute.cli.input")
local options_of = require("vk_compute.cli.options")
local output = require("vk_compute.cli.output")
local stop = require("vk_compute.cli.stop")

local export = {
  summary = "write a finished cache as JSON or plain binary",
  description = "Writes a finished cache in another form. An OUTPUT that is there is replaced only where it is"
    .. " an earlier export as JSON, or with --force.",
  epilog = 'JSON: {"metadata": {..}, "sequences": {"0": [0, ..], ..}}, of neighbours "neighbors", of their similarities'
    .. ' "similarities". Binary: uint32 n, then the rows, uint32 (similarities: float32), little-endian. Ids count from'
    .. " 0."
    .. "\n\nExit codes: 0 done; 2 failed, refused or called wrongly; 130 stopped with Ctrl-C.",
}

function export.declare(parser)
  parser:argument("CACHE", "the finished cache")
  parser:argument("OUTPUT", "file to write: JSON where its name ends in .json")
  parser:flag("--binary", "plain binary, whatever the name")
  parser:option("--ids", "write the ids that items have in this file, of which CACHE was made, instead of indices")
    :argname("EMBEDDINGS")
  options_of.force(parser, "OUTPUT")
  options_of.json(parser)
end

function export.main(options)
  stop.catch()
  if not options.binary and not options.OUTPUT:match("%.json$") then
    command.refuse_use("name a file that ends in .json, or ask for --binary")
  end
  if options.binary and options.ids then command.refuse_use("--ids goes with JSON: plain binary holds indices") end
  local write = options.binary and cache.export_binary or cache.export_json
  local out = output.new(options)
  write(options.CACHE, options.OUTPUT, {
    report = function(done, total) out:bar({ phase = "writing", done = done, total = total }) end,
    stop = stop.count, force = options.force, embeddings = options.ids and input.read_file(options.ids, {}, options),
  })
  out:document({
    path = options.CACHE, output = options.OUTPUT, format = options.binary and "binary" or "json",
    bytes = files.stat(options.OUTPUT).st_size,
  })
  return 0
end

return export
