-- Orders of sequences other than by centroid, through Lua, the command line and caches.

local cache_helper = require("cache_helper")
local helper = require("helper")
local identity = require("vk_compute.cache.identity")

local raises = helper.assert_raises

local PROGRAM = helper.ROOT .. "/bin/vulkan-compute"
describe("orders of sequences", function()
  local context

  setup(function() context = helper.new() end)
  teardown(function() context:shutdown() end)
  after_each(helper.assert_no_validation_messages)

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

  local function run(...) return cache_helper.shell(helper.quoted(PROGRAM, ...)) end
  local function refused(words, code, ...)
    local output, got = run(...)
    assert.are.same({ true, code }, { output:find(words, 1, true) ~= nil, got }, output)
  end

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
