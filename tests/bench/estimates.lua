#!/usr/bin/env luajit
-- What a memory plan says of the time of some work, beside a clock. By hand:
--
--   tests/bench/estimates.lua LIMIT N... [--dim D]
--
-- On the device of choice, for each of the sizes N, of random embeddings (D: 768): what takes more than LIMIT seconds
-- by the plan, or more memory than there is, is left out. Seconds of computing, on a CPU also the processors' time by
-- their number: what it would be where nothing else runs. Each is measured once, after one that is not counted, by
-- which kernels are compiled.

local ROOT = arg[0]:match("^(.*)/[^/]*$") .. "/../.."
package.path = ROOT .. "/lua/?.lua;" .. ROOT .. "/tests/lua/?.lua;" .. package.path

local ffi = require("ffi")
local stdlib = require("posix.stdlib")
local clock = require("vk_compute.system.clock")
local files = require("vk_compute.system.files")
local random_rows = require("random_rows")
local vk = require("vk_compute")

local limit, sizes, d = tonumber(arg[1]), {}, 768
for k = 2, #arg do
  if arg[k] == "--dim" then
    d = tonumber(arg[k + 1])
    break
  end
  sizes[#sizes + 1] = tonumber(arg[k])
end

local function random_embeddings(n)
  local memory = files.memory(4 * n * d)
  local data, write_row = ffi.cast("float *", memory), random_rows(d)
  for row = 0, n - 1 do write_row(data + row * d) end
  return data, memory
end

local WALKS = { { 1, 10 }, { 1, 100 }, { 1, 1000 }, { 64, 100 }, { 1024, 20 }, { 1024, 100 } }
local WALK_WAYS, NEIGHBOR_WAYS = { "matrix", "filter" }, { "rows", "filter", "filter-float32" }

local processors = tonumber(io.popen("nproc"):read("*a"))

local function report(n, name, way, plan, chosen, measured, of_processors)
  print(("| %.0f | %s | %s%s | %.3g | %.3g%s | %.2f |"):format(n, name, way, chosen and ", chosen" or "", plan,
    measured, of_processors and (" (%.3g)"):format(of_processors) or "", plan / (of_processors or measured)))
  io.stdout:flush()
end

-- What is measured: compute(context), with the embeddings on it anew.
local function measure(n, data, name, variable, ways, work, compute)
  stdlib.setenv(variable, "")
  local own = vk.new()
  local chosen = own:plan_memory(work).seconds
  for _, way in ipairs(ways) do
    stdlib.setenv(variable, way)
    local plan = own:plan_memory(work)
    if plan.fits and plan.seconds < limit then
      local context = vk.new()
      local seconds, of_processors
      for _ = 1, 2 do
        context:upload_embeddings(data, n, d)
        local began, worked = clock.monotonic(), os.clock()
        compute(context)
        seconds, of_processors = clock.monotonic() - began, os.clock() - worked
      end
      local is_cpu = context:device_info().type == "CPU"
      context:shutdown()
      report(n, name, way, plan.seconds, plan.seconds == chosen, seconds, is_cpu and of_processors / processors)
    end
  end
  own:shutdown()
  stdlib.setenv(variable, "")
end

print("| n | work | way | plan, s | measured, s | plan / measured |\n|---|---|---|---|---|---|")
for _, n in ipairs(sizes) do
  local data, memory = random_embeddings(n)
  for _, walks in ipairs(WALKS) do
    local count, length = unpack(walks)
    local starts = {}
    for k = 1, count do starts[k] = k % n end
    measure(n, data, ("walks: %.0f of %.0f"):format(count, length), "VKC_WALKS", WALK_WAYS,
      { n = n, d = d, work = "diversity", count = count, length = length },
      function(context) context:compute_diversity_sequences(starts, length, { as = "view" }) end)
  end
  for _, count in ipairs({ 1, 1000, n }) do
    measure(n, data, ("neighbours: 100 of %.0f"):format(count), "VKC_NEIGHBORS", NEIGHBOR_WAYS,
      { n = n, d = d, work = "neighbors", count = count, k = 100 },
      function(context) context:compute_nearest_neighbors(100, { count = count, as = "view" }) end)
  end
  files.unmap(memory, 4 * n * d)
end
