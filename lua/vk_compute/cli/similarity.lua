--- vulkan-compute similarity.
-- @module vk_compute.cli.similarity

local clock = require("vk_compute.system.clock")
local command = require("vk_compute.cli.command")
local files = require("vk_compute.system.files")
local input = require("vk_compute.cli.input")
local matrix_file = require("vk_compute.cache.matrix_file")
local new_items = require("vk_compute.formats.items").new
local options_of = require("vk_compute.cli.options")
local output = require("vk_compute.cli.output")
local printable = require("vk_compute.system.printable")
local stop = require("vk_compute.cli.stop")
local target = require("vk_compute.cache.target")

local similarity = {
  summary = "compute the similarity matrix into a file, or print single similarities",
  description = "Computes the cosine similarity of every embedding to every other into OUTPUT, a .npy"
    .. " file of n x n float32: row and column i are item i, counted from 0. Rows are written as they"
    .. " come, so memory stays small; the file appears under its name when it is complete. An OUTPUT that"
    .. " is there is replaced only where it is a similarity matrix, or with --force. With --between and without OUTPUT"
    .. " it prints the similarity of each pair of some items.",
  epilog = "Exit codes: 0 done; 2 failed, refused or called wrongly; 130 stopped with Ctrl-C: then"
    .. " nothing is kept.",
}

function similarity.declare(parser)
  input.declare(parser)
  parser:argument("OUTPUT", "file to make, such as similarity.npy"):args("?")
  options_of.item(parser, "--between", "print the similarities of these items"):args("2+")
  options_of.center(parser)
  options_of.device(parser)
  options_of.force(parser, "OUTPUT")
  options_of.quiet(parser)
  options_of.json(parser)
end

local function compute(options, out)
  local began = clock.monotonic()
  local embeddings = input.read(options, out)
  local context = input.upload(options, embeddings, out)
  local device, n, path = context:device_info().name, embeddings.n, options.OUTPUT
  local started = clock.monotonic()
  matrix_file.write(path, context, {
    report = function(done)
      out:progress({
        phase = "computing", done = done, total = n, rate = done / (clock.monotonic() - started),
      })
    end,
    stop = stop.count,
  })
  context:shutdown()
  local seconds = clock.monotonic() - began
  out:say("finished: " .. printable.line(path))
  out:say(("  matrix       %.0f x %.0f float32"):format(n, n))
  out:say(("  seconds      %.2f"):format(seconds))
  out:say("  device       " .. device)
  out:document({
    path = path, input = embeddings.description,
    n = n, d = embeddings.d, centered = options.center or false, dtype = "float32",
    bytes = files.stat(path).st_size, seconds = seconds, device = device,
  })
end

-- A line for each pair of items, in the order given: the two and their similarity.
local function print_pairs(options)
  input.check(options)
  local embeddings = input.read(options)
  local items, indices = new_items(embeddings), {}
  for k, name in ipairs(options.between) do indices[k] = items:index_of(name, "--between") end
  local context = input.upload(options, embeddings)
  local first, second = {}, {}
  for a = 1, #indices do
    for b = a + 1, #indices do first[#first + 1], second[#second + 1] = indices[a], indices[b] end
  end
  local similarities = context:compute_pair_similarities(first, second)
  local out = output.new(options)
  for p, value in ipairs(similarities) do
    out:result(("%s  %s  %.6f"):format(printable.line(items:name(first[p])), printable.line(items:name(second[p])),
      value))
  end
  out:document({
    input = embeddings.description, n = embeddings.n, d = embeddings.d, centered = options.center or false,
    device = context:device_info().name, first = first, second = second, similarities = similarities,
  })
  context:shutdown()
  return 0
end

function similarity.main(options)
  if options.between and options.OUTPUT then
    command.refuse_use("--between prints single similarities and goes without OUTPUT")
  elseif options.between then
    return print_pairs(options)
  elseif not options.OUTPUT then
    command.refuse_use("name the OUTPUT to make, or with --between items")
  end
  stop.catch()
  local out = output.new(options)
  input.check(options, "EMBEDDINGS OUTPUT")
  matrix_file.check_path(options.OUTPUT, options.EMBEDDINGS, options.force)
  target.locked_file(options.OUTPUT, function() compute(options, out) end)
  return 0
end

return similarity
