--- Arguments and options that more than one command has, so that they are the same everywhere.
-- @module vk_compute.cli.options

local options = {}

local function integer_from(least)
  return function(text)
    local number = tonumber(text)
    if number and number >= least and number < 2 ^ 32 and number % 1 == 0 then return number end
    return nil, ("'%s' is not a number from %d on"):format(text, least)
  end
end

--- Converts an argument that counts something: 1, 2, ...
options.count = integer_from(1)

--- Converts an argument that is an id: 0, 1, ...
options.id = integer_from(0)

function options.center(parser)
  parser:flag("--center", "subtract the mean embedding first: walks from different items then differ from"
    .. " their first steps on")
end

function options.device(parser)
  parser:option("--device", "index of the device list, or part of a device's name (default: VKC_DEVICE,"
    .. " else the best GPU, else the CPU)"):argname("D")
end

function options.length(parser)
  parser:option("--length", "ids of each sequence (default: all)"):argname("K")
    :convert(options.count)
end

function options.quiet(parser)
  parser:flag("--quiet", "print nothing but errors")
end

function options.json(parser)
  parser:flag("--json", "print one JSON document instead of text")
end

return options
