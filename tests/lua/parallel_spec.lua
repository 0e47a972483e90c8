-- Work that several processes share: the work itself, and large files of embeddings that are read so.

local cache_helper = require("cache_helper")
local clock = require("vk_compute.system.clock")
local embedding_file = require("vk_compute.formats.embedding_file")
local ffi = require("ffi")
local files = require("vk_compute.system.files")
local helper = require("helper")
local parallel = require("vk_compute.system.parallel")
local unistd = require("posix.unistd")
local vk = require("vk_compute")

local function children()
  local pid = unistd.getpid()
  return cache_helper.contents(("/proc/%d/task/%d/children"):format(pid, pid))
end

describe("work that is shared", function()
  it("does each unit once, in as many processes as it is worth", function()
    for _, case in ipairs({ { 1, 1 }, { 7, 1 }, { 1000, 1 }, { 1000, 400 }, { 1000, 5000 } }) do
      local count, least = unpack(case)
      local memory = files.memory(8 * count, true)
      local times, by = ffi.cast("uint32_t *", memory), {}
      local told = {}
      parallel.each(count, least, function(first, last, advance)
        for unit = first, last do
          times[2 * unit], times[2 * unit + 1] = times[2 * unit] + 1, unistd.getpid()
          advance(1)
        end
      end, function(done) told[#told + 1] = done end)
      for unit = 0, count - 1 do
        assert.are.equal(1, times[2 * unit])
        by[times[2 * unit + 1]] = true
      end
      local is_alone = by[unistd.getpid()] ~= nil
      assert.is_true(is_alone or next(by) ~= nil and next(by, next(by)) ~= nil)
      if count < 2 * least then assert.is_true(is_alone) end
      for k = 2, #told do assert.is_true(told[k] >= told[k - 1]) end
      assert.are.equal(count, told[#told])
      assert.are.equal("", children())
    end
  end)

  it("raises what goes wrong with the first units, and what progress raises", function()
    local function broken(first) error(("unit %d"):format(first), 0) end
    assert.are.same({ false, "unit 0" }, { pcall(parallel.each, 100, 1, broken) })
    local function dead(first) if first > 0 then cache_helper.kill(unistd.getpid()) end end
    local ok, problem = pcall(parallel.each, 100, 1, dead)
    assert.are.same({ false, "one of the processes that share the work ended (killed 9), as happens where memory is "
      .. "short: free some, and try again" }, { ok, problem })
    local function slow() cache_helper.sleep(60) end
    assert.are.same({ false, "stopped" }, { pcall(parallel.each, 100, 1, slow, function() error("stopped", 0) end) })
    assert.are.equal("", children())
  end)
end)

describe("a large file", function()
  local n, d = 12000, 768
  local folder, path, data

  setup(function()
    folder = helper.temporary_folder()
    path = folder .. "/large.npy"
    data = ffi.new("float[?]", n * d)
    local few = helper.kinds["unit norms"](61, d)
    for row = 0, n - 1 do ffi.copy(data + row * d, few + row % 61 * d, 4 * d) end
    cache_helper.write_embeddings(path, data, n, d)
  end)
  teardown(function() helper.execute("rm", "-rf", folder) end)

  local function damaged(change)
    local text = change(cache_helper.contents(path))
    cache_helper.write(folder .. "/damaged.npy", text)
    return folder .. "/damaged.npy"
  end

  -- With the numbers of some rows replaced.
  local function with_rows(rows, number)
    return damaged(function(text)
      local copy = ffi.new("char[?]", #text, text)
      local first = #text - 4 * n * d
      for _, row in ipairs(rows) do
        local floats = ffi.cast("float *", copy + first + 4 * row * d)
        for k = 0, d - 1 do floats[k] = number end
      end
      return ffi.string(copy, #text)
    end)
  end

  it("is read as it is, and tells how much is read", function()
    local told
    local embeddings = embedding_file.read(path, { progress = function(...) told = { ... } end })
    assert.are.same({ n, d }, { embeddings.n, embeddings.d })
    assert.are.equal(ffi.string(data, 4 * n * d), ffi.string(embeddings.data, 4 * n * d))
    assert.are.same({}, embeddings.zero_rows)
    assert.is_true(told == nil or told[1] <= told[2])
  end)

  it("is read beside contexts, which go on as before", function()
    local context = helper.new()
    context:upload_embeddings({ { 1, 0 }, { 0.9, 0.1 }, { -1, 0.2 } })
    local expected = context:compute_diversity_sequence(0)
    for _ = 1, 3 do
      -- A forgotten one, for the collector to find.
      helper.new()
      assert.are.equal(n, vk.read_embeddings(path).n)
      assert.are.same(expected, context:compute_diversity_sequence(0))
    end
    collectgarbage()
    context:shutdown()
    helper.assert_no_validation_messages()
  end)

  it("that is damaged is refused by the first place, wherever it is", function()
    local function refused(words, file)
      local ok, problem = pcall(embedding_file.read, file)
      assert.is_false(ok)
      assert.is_truthy(problem:find(words, 1, true), problem)
    end
    refused("row 17, column 0 (both from 0) is NaN", with_rows({ 17, n - 1 }, 0 / 0))
    refused(("row %d, column 0 (both from 0) is infinite"):format(n - 1), with_rows({ n - 1 }, math.huge))
    refused("it is cut off", damaged(function(text) return text:sub(1, -2) end))
  end)

  it("has zero rows and outliers told of all its parts", function()
    local zeros = { 0, 5000, n - 1 }
    local file = with_rows(zeros, 0)
    assert.are.same(zeros, embedding_file.read(file).zero_rows)
    local kept = embedding_file.read(file, { skip_zero = true })
    assert.are.equal(n - 3, kept.n)
    assert.are.equal(ffi.string(data + d, 4 * d), ffi.string(kept.data, 4 * d))
    assert.are.same({}, kept.zero_rows)
    assert.are.equal(n - 2, embedding_file.read(with_rows({ n - 2 }, 1e9)).outlier.row)
  end)

  it("is not read on when progress raises", function()
    -- A clock that makes each call a second later: progress is told at once.
    local monotonic, calls = clock.monotonic, 0
    clock.monotonic = function()
      calls = calls + 1
      return monotonic() + calls
    end
    local stopped, raised = pcall(embedding_file.read, path, { progress = function() error("enough", 0) end })
    clock.monotonic = monotonic
    assert.are.same({ false, "enough" }, { stopped, raised })
    assert.are.equal("", children())
  end)
end)
