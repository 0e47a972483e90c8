--- vulkan-compute cache, and compute-diversity-cache.lua.
-- @module vk_compute.cli.cache

local cache = require("vk_compute.cache")
local check = require("vk_compute.cli.check")
local command = require("vk_compute.command")
local compute = require("vk_compute.cli.compute")
local input = require("vk_compute.cli.input")
local options_of = require("vk_compute.cli.options")
local output = require("vk_compute.cli.output")
local report = require("vk_compute.report")
local verify = require("vk_compute.cli.verify")

local cache_command = {
  summary = "compute the walks from all items into a file",
  description = "Computes the diversity sequence from every embedding into CACHE, a .npy file of"
    .. " uint32: row s holds item ids, s first, each next one farthest from the centroid of those"
    .. " before it. Ids and rows count from 0. A run that was stopped, by whatever, goes on where it"
    .. " was when started again.",
  epilog = "Exit codes: 0 done; 1 failed, refused or found damaged; 2 wrong use; 130 stopped with"
    .. " Ctrl-C.",
}

function cache_command.declare(parser)
  input.declare(parser)
  parser:argument("CACHE", "file to make, such as diversity.npy")
  options_of.length(parser)
  compute.declare(parser)
  parser:flag("--status", "only tell how CACHE stands")
  parser:flag("--verify", "only verify CACHE: checksums, every row, a sample computed again")
  parser:flag("--repair", "with --verify: put right what is damaged")
end

local function print_status(options)
  local out = output.new(options)
  local status = cache.status(options.CACHE)
  out:say(table.concat(report.status(status), "\n"))
  out:document(status)
  return check.exit_code(status)
end

function cache_command.main(options)
  if options.repair and not options.verify then command.refuse_use("--repair goes with --verify") end
  if options.status then return print_status(options) end
  if options.verify then return verify.main(options) end
  return compute.run(options, { path = options.CACHE, length = options.length })
end

return cache_command
