--- vulkan-compute similarity.
-- @module vk_compute.cli.similarity

local ffi = require("ffi")
local time = require("posix.time")
local check = require("vk_compute.errors").check
local fail = require("vk_compute.fail")
local files = require("vk_compute.files")
local input = require("vk_compute.cli.input")
local layout = require("vk_compute.cache.layout")
local library = require("vk_compute.library")
local lock = require("vk_compute.cache.lock")
local npy = require("vk_compute.npy")
local options_of = require("vk_compute.cli.options")
local output = require("vk_compute.cli.output")
local stop = require("vk_compute.cli.stop")

local similarity = {
  summary = "compute the similarity matrix into a file",
  description = "Computes the cosine similarity of every embedding to every other into OUTPUT, a .npy"
    .. " file of n x n float32: row and column i are item i, counted from 0. Rows are written as they"
    .. " come, so memory stays small; the file appears under its name when it is complete, and takes"
    .. " the place of one that was there.",
  epilog = "Exit codes: 0 done; 1 failed or refused; 2 wrong use; 130 stopped with Ctrl-C: then"
    .. " nothing is kept.",
}

-- A device computes this many rows at once or none: fewer cost as much.
local STEP = 64
local BATCH_SECONDS, BATCH_BYTES = 0.3, 64 * 1024 * 1024

function similarity.declare(parser)
  input.declare(parser)
  parser:argument("OUTPUT", "file to make, such as similarity.npy")
  options_of.center(parser)
  options_of.device(parser)
  options_of.quiet(parser)
  options_of.json(parser)
end

local function monotonic()
  local t = time.clock_gettime(time.CLOCK_MONOTONIC)
  return t.tv_sec + t.tv_nsec / 1e9
end

-- Raises where the matrix cannot go, before anything is computed.
local function check_output(path, embeddings)
  if files.is_directory(path) then
    fail("%s is a directory: name a file, such as %s/similarity.npy", path, (path:gsub("/+$", "")))
  end
  local directory = files.directory(path)
  if not files.is_directory(directory) then
    fail("there is no directory %s for %s: make it first", directory, path)
  end
  local source, target = files.stat(embeddings), files.stat(path)
  if source and target and source.st_dev == target.st_dev and source.st_ino == target.st_ino then
    fail("%s holds the embeddings: name another file for the matrix", path)
  end
  local cache = layout.paths(path)
  if files.stat(cache.metadata) or files.stat(cache.journal) then
    fail("%s is a cache: name another file for the matrix", path)
  end
end

-- Computes rows, batch by batch, and calls put(rows, bytes) for each. As many a batch as take about
-- BATCH_SECONDS: between two of them progress is shown, and a wish to stop is heard. All lie in the same
-- memory, one after the other.
local function each_batch(context, n, path, put, progress)
  local most = math.max(STEP, STEP * math.floor(BATCH_BYTES / (4 * n * STEP)))
  local lib, rows = library.load(), files.memory(most * n * 4)
  local done, count = 0, STEP
  local function heed_stop()
    if stop.count() > 0 then fail("stopped: %s was not written", path) end
  end
  while done < n do
    heed_stop()
    count = math.min(count, n - done)
    local began = monotonic()
    check(lib, lib.vkc_compute_similarity_rows(context.handle, done, count, ffi.cast("float *", rows)))
    local seconds = monotonic() - began
    put(rows, count * n * 4)
    done = done + count
    progress(done)
    count = STEP * math.max(1, math.floor(count / STEP * BATCH_SECONDS / seconds))
    count = math.min(count, most)
  end
  heed_stop()
end

local function write(context, n, path, progress)
  local header = npy.float32_header(n, n)
  files.replace_with(path, function(put)
    put(header, #header)
    each_batch(context, n, path, put, progress)
  end, #header + 4 * n * n)
end

local function compute(options, out)
  local began = monotonic()
  local embeddings = input.read(options, out)
  local context = input.upload(options, embeddings)
  local device, n, path = context:device_info().name, embeddings.n, options.OUTPUT
  local started = monotonic()
  write(context, n, path, function(done)
    out:progress({
      phase = "computing", done = done, total = n, rate = done / (monotonic() - started),
    })
  end)
  context:shutdown()
  local seconds = monotonic() - began
  out:say("finished: " .. path)
  out:say(("  matrix       %.0f x %.0f float32"):format(n, n))
  out:say(("  seconds      %.2f"):format(seconds))
  out:say("  device       " .. device)
  out:document({
    path = path, input = embeddings.description,
    n = n, d = embeddings.d, centered = options.center or false, dtype = "float32",
    bytes = files.stat(path).st_size, seconds = seconds, device = device,
  })
end

function similarity.main(options)
  stop.catch()
  local out = output.new(options)
  check_output(options.OUTPUT, options.EMBEDDINGS)
  local ok, held, pid = pcall(lock.acquire, options.OUTPUT .. ".lock")
  if not ok then fail("cannot write in %s: %s", files.directory(options.OUTPUT), held) end
  if not held then fail("process %d is writing %s: wait for it", pid, options.OUTPUT) end
  local succeeded, problem = pcall(compute, options, out)
  lock.release(held)
  if not succeeded then error(problem, 0) end
  return 0
end

return similarity
