--- The commands of `vulkan-compute`, and the scripts that are one of them each.
--
-- A command is a module `vk_compute.cli.NAME`, a table with
--
-- - `summary`: a few words, for the list of commands
-- - `description`, `epilog`: for its `--help`; the epilog tells the exit codes
-- - `declare`: function (parser): adds its arguments and options to a parser of argparse
-- - `main`: function (options) -> exit code; it raises what goes wrong. Ctrl-C ends it at once, unless it
--   asks for `stop.catch()`
-- @module vk_compute.cli

require("vk_compute.cli.standard_streams").open_closed()

local argparse = require("argparse")
local command = require("vk_compute.cli.command")
local output = require("vk_compute.cli.output")
local stop = require("vk_compute.cli.stop")

local cli = {}

local COMMANDS = {
  "devices", "plan", "diversity-sequence", "similarity", "cache", "neighbors", "check", "verify",
  "merge", "export", "report", "explore",
}

local modules = {}
for _, name in ipairs(COMMANDS) do
  modules[name] = require("vk_compute.cli." .. name:gsub("-", "_"))
end

local function print_version()
  command.run(function()
    local vk = require("vk_compute")
    output.new({}):say(("vulkan-compute %s (definition %d)"):format(vk.version(),
      vk.definition_version()))
    return 0
  end)
end

-- To a parser and those of its commands: an option that takes a value is given once, and named where the value is
-- wrong; a help that cannot be written is an error.
local function tighten(parser)
  parser:add_help({ action = function()
    command.run(function()
      output.write(parser:get_help() .. "\n")
      return 0
    end)
  end })
  for _, option in ipairs(parser._options) do
    if option._maxargs > 0 then option:overwrite(false) end
    local convert = option._convert
    if type(convert) == "function" then
      option:convert(function(text)
        local value, problem = convert(text)
        if value == nil then problem = ("%s: %s"):format(option._name, problem) end
        return value, problem
      end)
    end
  end
  for _, subparser in ipairs(parser._commands) do tighten(subparser) end
  return parser
end

local function new_parser()
  local parser = argparse("vulkan-compute",
    "Similarity matrices, diversity sequences and nearest neighbours of embeddings, on any Vulkan"
    .. " device, exactly. A diversity sequence, or walk, goes through all items, always next to the one"
    .. " farthest, by cosine distance, from the centroid of those before it. An item's id is its row in"
    .. " EMBEDDINGS, counted from 0, in all that is read and written.",
    "From embeddings to files that pages can be made from:\n"
    .. "   vulkan-compute cache embeddings.json diversity.npy --length 100 --center\n"
    .. "   vulkan-compute check diversity.npy --watch         (from another terminal)\n"
    .. "   vulkan-compute verify embeddings.json diversity.npy\n"
    .. "   vulkan-compute neighbors embeddings.json neighbors.npy --k 10\n"
    .. "   vulkan-compute export diversity.npy diversity.json\n"
    .. "vulkan-compute COMMAND --help tells the rest.\n\n"
    .. "Results go to standard output: text, or with --json one JSON document. Progress, notes and errors go to"
    .. " standard error. A file that is there is replaced only where it is an earlier result of the same kind, or with"
    .. " --force.\n\nExit codes: 0 done; 1 what was looked at is damaged, missing or does not fit; 2 the command"
    .. " failed, or was called wrongly; 130 stopped with Ctrl-C (143: by SIGTERM; 129: by the end of its"
    .. " terminal); 141 nobody read the output any more.\n\nEnvironment: VKC_DEVICE, the device where --device is not"
    .. " given; VKC_LIBRARY, the path of libvulkan_compute.so.")
  parser:help_max_width(90)
  parser:flag("--version", "print the version"):action(print_version)
  parser:command_target("command")
  for _, name in ipairs(COMMANDS) do
    local module = modules[name]
    local subparser = parser:command(name, module.description, module.epilog)
    subparser:summary(module.summary)
    module.declare(subparser)
  end
  return parser
end

local function run(module, options)
  command.run(function() return module.main(options) end, function()
    output.end_line()
    return stop.exit_code()
  end)
end

--- Does what the program's arguments say, and ends the program.
function cli.main()
  local options = command.parse(tighten(new_parser()))
  run(modules[options.command], options)
end

--- The same for a script that is one command.
-- @tparam string script its name
-- @tparam string name the command's
function cli.script(script, name)
  local module = modules[name]
  local parser = argparse(script, module.description, module.epilog)
  module.declare(parser)
  run(module, command.parse(tighten(parser)))
end

return cli
