local cjson = require("cjson")
local ffi = require("ffi")
local signal = require("posix.signal")
local cache_helper = require("cache_helper")
local helper = require("helper")
local identity = require("vk_compute.cache.identity")
local row_check = require("vk_compute.cache.row_check")
local vk = require("vk_compute")

local NEIGHBORS = cache_helper.NEIGHBORS

-- The rows of a .npy file of uint32, as they lie in it.
local function rows_of(bytes, n, k)
  return bytes:sub(-4 * n * k)
end

describe("A cache of nearest neighbours", function()
  local n, d, k = 150, 16, 12
  local folder, input, path, output, finished, expected

  setup(function()
    folder = helper.temporary_folder()
    input, path, output = folder .. "/input.npy", folder .. "/cache.npy", folder .. "/output"
    finished = folder .. "/finished.npy"
    cache_helper.write_embeddings(input, helper.kinds["unit norms"](n, d), n, d)
    local text, code = cache_helper.run(NEIGHBORS, input, finished, "--k", k)
    assert.are.equal(0, code, text)
    expected = cache_helper.contents(finished)
  end)
  teardown(function() helper.execute("rm", "-rf", folder) end)
  before_each(function() cache_helper.remove(path) end)

  local function must_run(...)
    local text, code = cache_helper.run(NEIGHBORS, ...)
    assert.are.equal(0, code, text)
    return text
  end

  local function start()
    return cache_helper.start_script(output, NEIGHBORS, input, path, "--k", tostring(k), "--batch", "3")
  end

  -- Leaves one that was stopped with some rows done, but not all.
  local function make_partial()
    for _ = 1, 20 do
      cache_helper.remove(path)
      local pid = start()
      cache_helper.await(function()
        return cache_helper.exists(path) or cache_helper.journalled(path) >= 20
      end, "rows")
      cache_helper.kill(pid, signal.SIGINT)
      cache_helper.wait(pid)
      if not cache_helper.exists(path) then return cache_helper.journalled(path) end
    end
    error("the run was always finished before it could be stopped")
  end

  it("holds what the API gives", function()
    local context = helper.new()
    context:upload_embeddings(helper.kinds["unit norms"](n, d), n, d)
    local ids = context:compute_nearest_neighbors(k, { as = "view", similarities = false })
    assert.is_true(rows_of(expected, n, k) == ffi.string(ids.data, 4 * n * k))
    context:shutdown()
    helper.assert_no_validation_messages()
    assert.is_truthy(expected:find(("'shape': (%d, %d)"):format(n, k), 1, true))
  end)

  it("is read back, as what it is", function()
    local lists = vk.load_neighbors_cache(finished, { embeddings = input })
    assert.are.same({ "neighbors", n, d, k }, { lists.kind, lists.n, lists.d, lists.length })
    local row = lists:row(149)
    assert.are.equal(k, #row)
    assert.is_true(ffi.string(ffi.new("uint32_t[?]", k, row), 4 * k) == expected:sub(-4 * k))
    lists:close()
    local ok, message = pcall(vk.load_diversity_cache, finished)
    assert.is_false(ok)
    assert.is_truthy(message:find("holds nearest neighbours, not diversity sequences", 1, true), message)
  end)

  it("is exported as JSON", function()
    local text, code = cache_helper.run(cache_helper.EXPORT, finished, folder .. "/out.json")
    assert.are.equal(0, code, text)
    local document = cjson.decode(cache_helper.contents(folder .. "/out.json"))
    assert.is_nil(document.sequences)
    assert.are.equal(k, #document.neighbors["149"])
  end)

  it("is finished after being stopped, by the same bytes", function()
    local done = make_partial()
    assert.is_true(done >= 20 and done < n)
    local text = cache_helper.run(cache_helper.CHECK, path, "--json")
    local status = cjson.decode(text)
    assert.are.same({ "stopped", "neighbors", done }, { status.state, status.kind, status.done })
    text = must_run(input, path, "--k", k)
    assert.is_truthy(text:find(("%d kept from earlier"):format(done), 1, true), text)
    assert.is_true(cache_helper.contents(path) == expected)
    assert.is_truthy(must_run(input, path, "--k", k):find("already finished", 1, true))
  end)

  it("survives kill -9 at random moments", function()
    local KILLS = 25
    local seed = os.time()
    math.randomseed(seed)
    local kills, done, met_rows = 0, 0, 0
    while kills < KILLS do
      local pid = start()
      cache_helper.sleep(math.random() * 0.35)
      cache_helper.kill(pid)
      local context = ("seed %d, kill %d"):format(seed, kills)
      if cache_helper.wait(pid) == "killed" then kills = kills + 1 end
      local bytes = cache_helper.contents(path)
      assert.is_true(bytes == nil or bytes == expected, context)
      local journalled = cache_helper.journalled(path)
      assert.is_true(bytes ~= nil or journalled >= done, context)
      done = journalled
      if journalled > 0 then met_rows = met_rows + 1 end
      if bytes then
        must_run(input, path, "--k", k)
        cache_helper.remove(path)
        done = 0
      end
    end
    must_run(input, path, "--k", k)
    assert.is_true(cache_helper.contents(path) == expected)
    assert.is_true(met_rows > 0, "no kill met rows")
  end)

  it("computes rows again that are damaged here and there", function()
    make_partial()
    local header = #expected - 4 * n * k
    for _, row in ipairs({ 0, 3, 4, 11 }) do
      cache_helper.flip(path .. ".partial", header + row * 4 * k + 5)
    end
    local text = must_run(input, path, "--k", k)
    assert.is_truthy(text:find("rows 0, 3, 4 and 11", 1, true), text)
    assert.is_true(cache_helper.contents(path) == expected)
  end)

  it("is verified, and repaired where a byte is flipped", function()
    cache_helper.copy(finished, path)
    assert.is_truthy(must_run(input, path, "--verify"):find("verified", 1, true))
    for place = 3, #expected - 1, 997 do
      cache_helper.copy(finished, path)
      cache_helper.flip(path, place, 4)
      local text, code = cache_helper.run(NEIGHBORS, input, path, "--verify")
      assert.are.equal(1, code, text)
      must_run(input, path, "--verify", "--repair")
      assert.is_true(cache_helper.contents(path) == expected)
    end
  end)

  it("is not taken for a diversity cache, nor the other way round", function()
    cache_helper.copy(finished, path)
    local function refused(script, ...)
      local text, code = cache_helper.run(script, input, path, ...)
      assert.are.equal((...) == "--verify" and 1 or 2, code, text)
      assert.is_truthy(text:find("what differs: kind", 1, true), text)
    end
    refused(cache_helper.COMPUTE, "--length", k)
    refused(cache_helper.COMPUTE, "--verify")
    assert.is_true(cache_helper.contents(path) == expected)
    cache_helper.must_compute(input, path, "--force", "--length", k)
    refused(NEIGHBORS, "--k", k)
    refused(NEIGHBORS, "--verify")
    make_partial()
    refused(cache_helper.COMPUTE, "--length", k)
  end)

  it("has 100 neighbours, or all there are, where no number is given", function()
    must_run(input, path)
    assert.are.equal(100, vk.load_neighbors_cache(path):row(0) and vk.load_neighbors_cache(path).length)
    cache_helper.write_embeddings(folder .. "/few.npy", helper.kinds["unit norms"](3, 2), 3, 2)
    must_run(folder .. "/few.npy", folder .. "/few_neighbors.npy")
    assert.are.equal(2, vk.load_neighbors_cache(folder .. "/few_neighbors.npy").length)
  end)

  it("refuses more neighbours than there are", function()
    local function refused(words, ...)
      local text, code = cache_helper.run(NEIGHBORS, ...)
      assert.are.equal(2, code, text)
      assert.is_truthy(text:find(words, 1, true), text)
      assert.is_false(cache_helper.exists(path .. ".partial"))
    end
    refused("--k 150 is more than the 149 other embeddings there are", input, path, "--k", n)
    cache_helper.write_embeddings(folder .. "/one.npy", helper.kinds["unit norms"](1, 2), 1, 2)
    refused("one embedding has no neighbours", folder .. "/one.npy", path)
    refused("name a file, such as " .. folder .. "/neighbors.npy", input, folder)
  end)

  it("holds lists that can be", function()
    local check = row_check.neighbors(5, 3)
    local function wrong(item, ...) return check(ffi.new("uint32_t[3]", { ... }), item) end
    assert.is_nil(wrong(2, 0, 4, 1))
    assert.is_nil(wrong(0, 4, 1, 2))
    assert.are.equal("place 1 holds the item itself", wrong(4, 0, 4, 1))
    assert.are.equal("place 2 holds 0 for the second time", wrong(2, 0, 4, 0))
    assert.are.equal("place 0 holds 5, which is no id", wrong(2, 5, 4, 0))
  end)
end)

describe("A diversity cache", function()
  it("has the files that it had before there were kinds", function()
    local what = {
      kind = "diversity", n = 5, d = 3, length = 4, centered = true, definition_version = 1,
      embeddings_checksum = ("0123456789abcdef"):rep(2), fingerprint = "7f11398750036455c5f9ec68a7272d55",
    }
    assert.is_true(identity.complete(what))
    local place = cache_helper.workplace(130, 9)
    assert.is_nil(cache_helper.contents(place.finished .. ".json"):find('"kind"', 1, true))
    local path = place.folder .. "/cache.npy"
    cache_helper.make_partial(place, path, 10)
    assert.is_nil(cache_helper.contents(path .. ".journal"):find('"kind"', 1, true))
    cache_helper.must_compute(place.input, path)
    assert.is_true(cache_helper.contents(path) == place.expected)
    cache_helper.remove_folder(place)
  end)
end)
