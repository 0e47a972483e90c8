--- Arguments and options that more than one command has, so that they are the same everywhere.
-- @module vk_compute.cli.options

local command = require("vk_compute.cli.command")
local orders = require("vk_compute.ffi.orders")
local shard = require("vk_compute.cache.shard")

local options = {}

local UINT32_MAX = 2 ^ 32 - 1

local function integer_from(least)
  return function(text)
    local number = text:find("^%d+$") and tonumber(text)
    if number and number >= least and number <= UINT32_MAX then return number end
    return nil, ("'%s' is not an integer from %d to %.0f, in digits"):format(text, least, UINT32_MAX)
  end
end

--- Converts an argument that counts something: 1, 2, ...
options.count = integer_from(1)

--- Adds an option that names an item.
-- @treturn table the option
function options.item(parser, name, meaning)
  return parser:option(name, meaning .. ": its index, a row of EMBEDDINGS counted from 0; or its id, where items have"
    .. " ids; id:17 is the id 17"):argname("ID")
end

local function number_from_0_to_1(text)
  local number = text:find("^[%d.eE+-]+$") and tonumber(text)
  if number and number >= 0 and number <= 1 then return number end
  return nil, ("'%s' is not a number from 0 to 1"):format(text)
end

--- Adds --order and --lambda.
function options.order(parser)
  local meanings = {}
  for k, order in ipairs(orders.list) do meanings[k] = ("%s, %s"):format(order.name, order.meaning) end
  parser:option("--order", "how each next item is chosen: " .. table.concat(meanings, "; ")):argname("ORDER")
    :choices(orders.names)
  parser:option("--lambda", "of " .. orders.any_with_lambda .. ", from 0 to 1: how much the start counts against the"
    .. " other items chosen"):argname("L"):convert(number_from_0_to_1)
end

--- Ends the program where --order and --lambda do not go together.
function options.check_order(given)
  local order = orders.by_name[given.order or "centroid"]
  if given.lambda and not order.has_lambda then
    command.refuse_use(("--lambda goes with --order %s"):format(orders.any_with_lambda))
  elseif order.has_lambda and not given.lambda then
    command.refuse_use(("--order %s needs --lambda, a number from 0 to 1, such as 0.5"):format(order.name))
  end
end

function options.center(parser)
  parser:flag("--center", "subtract the mean embedding first: walks from different items then differ from"
    .. " their first steps on")
end

function options.queries(parser, meaning)
  parser:option("--queries", meaning .. "; a file of embeddings of the same model, in any format of EMBEDDINGS")
    :argname("FILE")
end

function options.device(parser)
  parser:option("--device", "index of the device list, a UUID, a PCI address, or part of a device's name"
    .. " (default: VKC_DEVICE, else the best GPU, else the CPU)"):argname("D")
end

local function device_list(text)
  if text == "all" then return text end
  local list = {}
  for name in (text .. ","):gmatch("([^,]*),") do
    list[#list + 1] = name
    if name == "" then return nil, ("'%s' is no list such as 0,1,3, and not all"):format(text) end
  end
  return list
end

--- Adds --devices.
function options.devices(parser)
  parser:option("--devices", "compute on several devices: all, which are all GPUs (only the first for work of a"
    .. " second or two), or a list of what --device takes, such as 0,1,3"):argname("LIST"):convert(device_list)
end

local function shard_of(text)
  if shard.parse(text) then return text end
  return nil, ("'%s' is no shard: I/N, I from 0 to N - 1, such as 0/4"):format(text)
end

--- Adds --shard.
function options.shard(parser)
  parser:option("--shard", "compute only shard I of N, I from 0: about 1/N of the rows, for another machine or job to"
    .. " do the others, and for merge to join"):argname("I/N"):convert(shard_of)
end

function options.length(parser)
  parser:option("--length", "ids of each sequence (default: all)"):argname("K")
    :convert(options.count)
end

function options.force(parser, name)
  parser:flag("--force", ("replace %s, and what is written beside it, even if it is no earlier result; never what"
    .. " the result is made from, nor a link, pipe or device"):format(name))
end

function options.quiet(parser)
  parser:flag("--quiet", "no progress, notes or summary: print only errors, and results that are asked for")
end

function options.json(parser)
  parser:flag("--json", "print one JSON document instead of text")
end

return options
