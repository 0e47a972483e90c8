--- Similarity matrices on disk: .npy files of n x n float32, complete under their names or not there.
-- @module vk_compute.cache.matrix_file

local ffi = require("ffi")
local clock = require("vk_compute.system.clock")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local keep = require("vk_compute.system.keep")
local byte_source = require("vk_compute.formats.byte_source")
local npy = require("vk_compute.formats.npy_header")
local target = require("vk_compute.cache.target")

local matrix_file = {}

-- A device computes this many rows at once or none: fewer cost as much.
local STEP = 64
local DIAGONAL_SAMPLE = 64
local BATCH_SECONDS, BATCH_BYTES = 0.3, 64 * 1024 * 1024

-- Whether a file is a similarity matrix: its header, its length, and some values of its diagonal, which are 1, or 0
-- for an all-zero embedding.
local function is_matrix(path)
  local size = files.stat(path).st_size
  local value = ffi.new("float[1]")
  local ok, result = pcall(files.with, path, "read", function(fd)
    local header = npy.read(byte_source.of_file(fd, path, size))
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

--- Raises where a matrix may not be written: see @{vk_compute.cache.target}. To be called before any work.
-- @tparam string path of the matrix
-- @tparam string embeddings path of the file that it is computed from
-- @tparam[opt] boolean force replace a file of any kind
function matrix_file.check_path(path, embeddings, force)
  target.check(path, {
    what = "a similarity matrix", example = "similarity.npy", force = force,
    inputs = { embeddings }, input_is = "holds the embeddings",
    files = { { path = path, is_earlier = is_matrix } },
  })
end

-- Computes rows, batch by batch, and calls put(rows, bytes) for each. A batch is as many as take about
-- BATCH_SECONDS: between two of them progress is reported, and a wish to stop is heard. All batches use the same
-- memory, one after the other.
local function each_batch(context, n, path, put, report, stop)
  local most = math.max(STEP, STEP * math.floor(BATCH_BYTES / (4 * n * STEP)))
  local memory = files.memory(most * n * 4)
  local rows = ffi.cast("float *", memory)
  local done, count = 0, STEP
  local function heed_stop()
    if stop() > 0 then fail("stopped: %s was not written", path) end
  end
  context:set_progress(function(phase, rows_done)
    heed_stop()
    if phase == "similarities" then report(done + rows_done) end
  end)
  while done < n do
    heed_stop()
    count = math.min(count, n - done)
    local began = clock.monotonic()
    context:compute_similarity_rows(done, count, { into = rows })
    local seconds = clock.monotonic() - began
    put(rows, count * n * 4)
    done = done + count
    report(done)
    count = STEP * math.max(1, math.floor(count / STEP * BATCH_SECONDS / seconds))
    count = math.min(count, most)
  end
  heed_stop()
  context:set_progress(nil)
  keep(memory)
end

--- Computes the similarity matrix and writes it. To be called within target.locked_file.
-- @tparam string path
-- @tparam Context context that the embeddings are uploaded to
-- @tparam table options `report`: function (done): told how many rows there are; `stop`: function () -> how often
-- the user has asked to stop
-- @raise what cannot be computed or written; that it was stopped. Then whatever was there is still there
function matrix_file.write(path, context, options)
  files.remove_temporaries(path)
  local n = context:embeddings_info().num_embeddings
  local header = npy.float32_header(n, n)
  files.replace_with(path, function(put)
    put(header, #header)
    each_batch(context, n, path, put, options.report, options.stop)
  end, #header + 4 * n * n)
end

return matrix_file
