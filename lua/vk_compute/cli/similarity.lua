--- vulkan-compute similarity.
-- @module vk_compute.cli.similarity

local ffi = require("ffi")
local time = require("posix.time")
local check = require("vk_compute.system.errors").check
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local input = require("vk_compute.cli.input")
local library = require("vk_compute.ffi.library")
local lock = require("vk_compute.system.lock")
local npy = require("vk_compute.formats.npy_header")
local options_of = require("vk_compute.cli.options")
local output = require("vk_compute.cli.output")
local printable = require("vk_compute.system.printable")
local stop = require("vk_compute.cli.stop")
local target = require("vk_compute.cache.target")

local similarity = {
  summary = "compute the similarity matrix into a file",
  description = "Computes the cosine similarity of every embedding to every other into OUTPUT, a .npy"
    .. " file of n x n float32: row and column i are item i, counted from 0. Rows are written as they"
    .. " come, so memory stays small; the file appears under its name when it is complete. An OUTPUT that"
    .. " is there is replaced only where it is a similarity matrix, or with --force.",
  epilog = "Exit codes: 0 done; 1 failed or refused; 2 wrong use; 130 stopped with Ctrl-C: then"
    .. " nothing is kept.",
}

-- A device computes this many rows at once or none: fewer cost as much.
local STEP = 64
local DIAGONAL_SAMPLE = 64
local BATCH_SECONDS, BATCH_BYTES = 0.3, 64 * 1024 * 1024

function similarity.declare(parser)
  input.declare(parser)
  parser:argument("OUTPUT", "file to make, such as similarity.npy")
  options_of.center(parser)
  options_of.device(parser)
  options_of.force(parser, "OUTPUT")
  options_of.quiet(parser)
  options_of.json(parser)
end

local function monotonic()
  local t = time.clock_gettime(time.CLOCK_MONOTONIC)
  return t.tv_sec + t.tv_nsec / 1e9
end

-- Whether a file is a similarity matrix: its header, its length, and a diagonal of ones (of zero rows, zeros),
-- looked at here and there.
local function is_matrix(path)
  local size = files.stat(path).st_size
  local value = ffi.new("float[1]")
  local ok, result = pcall(files.with, path, "read", function(fd)
    local header = npy.read(fd, path, size)
    local n = tonumber(header.shape:match("^%((%d+), %d+%)$"))
    if header.descr ~= "<f4" or header.shape ~= ("(%.0f, %.0f)"):format(n, n) then return false end
    if size ~= header.offset + 4 * n * n then return false end
    for row = 0, n - 1, math.ceil(n / DIAGONAL_SAMPLE) do
      files.read(fd, path, value, 4, header.offset + 4 * row * (n + 1))
      if value[0] ~= 1 and value[0] ~= 0 then return false end
    end
    return true
  end)
  return ok and result
end

-- Whether a file is a matrix, or the space that is reserved for one before it has a header.
local function is_growing_matrix(path)
  return is_matrix(path) or not files.head(path, 64):find("%Z")
end

-- Raises where the matrix may not be written, before anything is computed.
local function check_output(options)
  local path = options.OUTPUT
  local temporary, lock_path = files.temporary(path), path .. ".lock"
  target.check(path, {
    what = "a similarity matrix", example = "similarity.npy", force = options.force,
    inputs = { options.EMBEDDINGS }, input_is = "holds the embeddings",
    files = {
      { path = path, is_earlier = is_matrix }, { path = temporary, is_earlier = is_growing_matrix },
      { path = lock_path, is_earlier = lock.begins },
    },
  })
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

function similarity.main(options)
  stop.catch()
  local out = output.new(options)
  input.check(options, "EMBEDDINGS OUTPUT")
  check_output(options)
  local ok, held, pid = pcall(lock.acquire, options.OUTPUT .. ".lock")
  if not ok then fail("cannot write in %s: %s", files.directory(options.OUTPUT), held) end
  if not held then fail("process %d is writing %s: wait for it", pid, options.OUTPUT) end
  local succeeded, problem = pcall(compute, options, out)
  lock.release(held)
  if not succeeded then error(problem, 0) end
  return 0
end

return similarity
