-- Orders of sequences other than by centroid, through Lua, the command line and caches.

local cache_helper = require("cache_helper")
local helper = require("helper")
local identity = require("vk_compute.cache.identity")
local orders = require("vk_compute.ffi.orders")
local reference = require("reference")

local raises = helper.assert_raises

local ORDERS = {
  { order = "away", lambda = 0 }, { order = "away", lambda = 0.5 }, { order = "away", lambda = 1 },
  { order = "away", lambda = 0.123456789 }, { order = "toward", lambda = 0 }, { order = "toward", lambda = 0.3 },
  { order = "toward", lambda = 1 },
}

describe("orders of sequences", function()
  local context

  setup(function() context = helper.new() end)
  teardown(function() context:shutdown() end)
  after_each(helper.assert_no_validation_messages)

  for kind, make in pairs(helper.kinds) do
    it(("equal the reference: %s"):format(kind), function()
      for _, center in ipairs({ false, true }) do
        local n, d = 65, 5
        local data = make(n, d)
        local expected = reference(data, n, d, center)
        context:upload_embeddings(data, n, d, { center = center })
        for _, how in ipairs(ORDERS) do
          local sequences = expected:sequences_by(how.order, how.lambda, n)
          assert.are.same(sequences, (context:compute_all_diversity_sequences(how)))
          assert.are.same({ sequences[8], sequences[1] }, context:compute_diversity_sequences({ 7, 0 }, n, how))
          assert.are.same({ unpack(sequences[4], 1, 11) }, context:compute_diversity_sequence(3,
            { length = 11, order = how.order, lambda = how.lambda }))
        end
      end
    end)
  end

  it("are refused where they cannot be", function()
    context:upload_embeddings({ { 1, 2 }, { 2, 1 } })
    local function refused(words, options)
      raises(words, function() context:compute_diversity_sequence(0, options) end)
      raises(words, function() context:compute_diversity_sequences({ 0 }, 1, options) end)
      raises(words, function() context:compute_all_diversity_sequences(options) end)
    end
    refused('option order must be "centroid", "away" or "toward"', { order = "far" })
    refused("order away needs option lambda, from 0 to 1", { order = "away" })
    refused("option lambda goes with order away or toward", { lambda = 0.5 })
    for _, lambda in ipairs({ -0.1, 1.1, 0 / 0, math.huge }) do
      refused("option lambda must be from 0 to 1", { order = "toward", lambda = lambda })
    end
    assert.are.same({ 0, 1 }, context:compute_diversity_sequence(0, { order = "centroid" }))
    assert.are.equal("VKC_ERROR_INVALID_LENGTH", raises("length is 3", function()
      context:compute_diversity_sequence(0, { length = 3 })
    end).name)
  end)
end)

describe("the list of orders", function()
  it("is that of the C API, in Lua, in the command line and in what caches can be of", function()
    local count = 0
    local header = cache_helper.contents(helper.ROOT .. "/include/vulkan_compute.h")
    for name, value in header:gmatch("\n  VKC_ORDER_(%u+) = (%d+)") do
      local order = orders.by_name[name:lower()]
      assert.are.same({ name, tonumber(value) }, { name, order and order.value })
      count = count + 1
    end
    assert.are.equal(#orders.list, count)
    assert.are.same("centroid", orders.list[1].name)
  end)
end)

describe("caches of another order", function()
  local n, d = 67, 5
  local folder, input, path, data
  setup(function()
    folder = helper.temporary_folder()
    input, path = folder .. "/e.npy", folder .. "/c.npy"
    data = helper.kinds["unequal norms"](n, d)
    cache_helper.write_embeddings(input, data, n, d)
  end)
  teardown(function() helper.execute("rm", "-r", folder) end)
  before_each(function() cache_helper.remove(path) end)

  local run, succeed = cache_helper.run_program, cache_helper.must_run_program
  local function refused(words, code, ...)
    local output, got = run(...)
    assert.are.same({ true, code }, { output:find(words, 1, true) ~= nil, got }, output)
  end

  it("hold its rows, say what they are, and are verified and exported", function()
    succeed("cache", input, path, "--length", "9", "--center", "--order", "away", "--lambda", "0.5", "--quiet")
    local cache = require("vk_compute").load_diversity_cache(path, { embeddings = input })
    local expected = reference(data, n, d, true):sequences_by("away", 0.5, 9)
    for s = 0, n - 1 do assert.are.same(expected[s + 1], cache:row(s)) end
    cache:close()
    assert.is_truthy(succeed("check", path):find("order away, lambda 0.5", 1, true))
    succeed("verify", input, path)
    local whole = cache_helper.contents(path)
    cache_helper.write(path, whole:sub(1, -6) .. string.char((whole:byte(-5) + 1) % 256) .. whole:sub(-4))
    refused("damaged", 1, "verify", input, path)
    succeed("verify", input, path, "--repair")
    assert.is_true(cache_helper.contents(path) == whole)
    succeed("export", path, folder .. "/c.json")
    assert.is_truthy(cache_helper.contents(folder .. "/c.json"):find('"order": "away", "lambda": 0.5', 1, true))
  end)

  it("are not gone on with by another order or lambda", function()
    local function compute(...) return "cache", input, path, "--length", "9", ... end
    succeed(compute("--order", "toward", "--lambda", "0.7"))
    refused("order (the cache has toward, asked for is centroid), lambda (the cache has 0.7, asked for is none)", 2,
      compute())
    refused("order (the cache has toward, asked for is away)", 2, compute("--order", "away", "--lambda", "0.7"))
    refused("lambda (the cache has 0.7, asked for is 0.3)", 2, compute("--order", "toward", "--lambda", "0.3"))
    -- The same float32.
    local again = succeed(compute("--order", "toward", "--lambda", "0.70000000001"))
    assert.is_truthy(again:find("already finished", 1, true), again)
  end)

  it("are refused before any work where there is no such order", function()
    refused("must be one of 'centroid', 'away', 'toward'", 2, "cache", input, path, "--order", "far")
    refused("'nan' is not a number from 0 to 1", 2, "cache", input, path, "--order", "away", "--lambda", "nan")
    refused("'1.5' is not a number from 0 to 1", 2, "cache", input, path, "--order", "away", "--lambda", "1.5")
    refused("--lambda goes with --order away or", 2, "cache", input, path, "--lambda", "0.5")
    refused("--order away needs --lambda", 2, "diversity-sequence", input, "--start", "0", "--order", "away")
    refused("unknown option '--order'", 2, "neighbors", input, path, "--order", "away")
    assert.is_false(cache_helper.exists(path .. ".partial"))
  end)

  it("have the fingerprint of release 0.1 where they are by centroid", function()
    local embeddings = { data = data, n = n, d = d, bytes = 4 * n * d }
    local how = { kind = "diversity", length = 9, centered = false, definition_version = 1 }
    local plain = identity.of(embeddings, how)
    how.order = "centroid"
    assert.are.equal(plain.fingerprint, identity.of(embeddings, how).fingerprint)
    how.order, how.lambda = "away", 0.3
    local away = identity.of(embeddings, how)
    assert.are.equal(0.3, away.lambda)
    assert.is_true(identity.complete(identity.copy(away, {})))
    away.lambda = nil
    assert.is_false(identity.complete(away))
  end)
end)
