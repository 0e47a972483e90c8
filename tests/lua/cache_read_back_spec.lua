-- Rows are read back before a cache gets its name, most of them while others are still computed: what a disk made of
-- them is found and computed again, whenever it happens.
--
-- The files are real; the device is not, since rows are to be many.

local ffi = require("ffi")
local cache_helper = require("cache_helper")
local files = require("vk_compute.system.files")
local helper = require("helper")
local reader = require("vk_compute.cache.reader")
local walks_in_order = require("walks_in_order")
local writer = require("vk_compute.cache.writer")

-- Some blocks of 4 MiB, the last of them not full.
local N, D = 1700, 1
local ROW_BYTES = 4 * N

describe("a cache read back", function()
  local folder, path, embeddings

  setup(function()
    folder = helper.temporary_folder()
    path = folder .. "/cache.npy"
    local data = ffi.new("float[?]", N * D, 1)
    embeddings = { data = data, n = N, d = D, bytes = 4 * N * D, path = folder .. "/none" }
  end)
  teardown(function() helper.execute("rm", "-rf", folder) end)
  before_each(function() cache_helper.remove(path) end)

  -- Where the third id of a row lies in NAME.partial.
  local function place_of(row) return files.stat(path .. ".partial").st_size - (N - row) * ROW_BYTES + 8 end

  local function damage(row)
    cache_helper.flip(path .. ".partial", place_of(row))
  end

  -- Calls at(state) at each report. Returns the result and what was noticed.
  local function run(at)
    local notices = {}
    local result = writer.run({
      path = path, embeddings = embeddings, vk = walks_in_order(N, 100), report = at, plan = function() end,
      notice = function(text) notices[#notices + 1] = text end, stop = function() return 0 end,
    })
    return result, table.concat(notices, "\n")
  end

  local function assert_whole()
    local cache = reader.load(path)
    assert.are.equal(cache.n, N)
    for row = 0, N - 1, 13 do
      local ids = cache:row(row)
      assert.is_true(ids[1] == row and ids[N] == (row + N - 1) % N)
    end
    cache:close()
    assert.are.same({ "cache.npy", "cache.npy.json" }, cache_helper.names(folder))
  end

  it("is so while rows are computed, and little is left for the end", function()
    local least, last = math.huge, nil
    local _, notices = run(function(state)
      if state.phase == "checking" then least = math.min(least, state.done) end
      last = state
    end)
    assert.are.equal("", notices)
    assert.are.equal("finishing", last.phase)
    -- The first that is told of the end's reading is its first block.
    assert.is_true(least > N / 2, least)
    assert_whole()
  end)

  it("is computed again where rows are not what was written", function()
    for _, case in ipairs({
      { row = 5, done = 100 },        -- before it is read
      { row = 1550, done = 1600 },    -- in what is read at the end
      { row = 1240, done = 1300 },    -- in a block that is not the first
    }) do
      local is_damaged = false
      local result, notices = run(function(state)
        if not is_damaged and state.done >= case.done then
          is_damaged = true
          damage(case.row)
        end
      end)
      assert.is_true(is_damaged)
      assert.is_truthy(notices:find(("rows %d do not fit their checksums and are computed again"):format(case.row), 1,
        true), notices)
      assert.are.equal(N + 1, result.computed)
      assert_whole()
      cache_helper.remove(path)
    end
  end)

  it("is given up, and can be gone on, where rows never are what was written", function()
    -- A disk on which one place goes bad whenever it is written.
    local write = files.write
    function files.write(fd, name, data, bytes, offset)
      write(fd, name, data, bytes, offset)
      local place = name == path .. ".partial" and place_of(5)
      if place and place >= offset and place < offset + bytes then cache_helper.flip(name, place) end
    end
    local ok, problem = pcall(run, function() end)
    files.write = write
    assert.is_false(ok)
    assert.is_truthy(tostring(problem):find("does not hold what is written to it: the disk is at fault", 1, true),
      problem)
    assert.is_false(cache_helper.exists(path))
    local result = run(function() end)
    assert.are.equal("finished", result.outcome)
    assert.is_true(result.kept >= N - 1)
    assert_whole()
  end)
end)
