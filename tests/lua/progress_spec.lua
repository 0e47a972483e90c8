-- What a listener is told of calls of the library, and how it stops them.

local ffi = require("ffi")
local helper = require("helper")
local vk = require("vk_compute")

describe("a listener", function()
  local n, d = 300, 12
  local values, context, expected

  setup(function()
    values = helper.kinds["unequal norms"](n, d)
    context = vk.new()
    context:upload_embeddings(values, n, d)
    expected = context:compute_diversity_sequence(3)
  end)
  teardown(function() context:shutdown() end)
  after_each(function() context:set_progress(nil) end)

  it("is told of each phase from its beginning to its end", function()
    local told = {}
    context:set_progress(function(phase, done, total)
      local known = told[phase]
      if not known then assert.are.equal(0, done) end
      assert.is_true(not known or known.done <= done and known.total == total)
      assert.is_true(done <= total)
      told[phase] = { done = done, total = total }
    end)
    context:upload_embeddings(values, n, d)
    assert.is_true(told.upload.done == told.upload.total and told.upload.total > n)
    assert.are.same(expected, context:compute_diversity_sequence(3))
    assert.are.same({ done = n - 1, total = n - 1 }, told.walks)
    context:compute_nearest_neighbors(5, { first = 10, count = 40 })
    assert.are.same({ done = 40, total = 40 }, told.neighbors)
    told = {}
    context:compute_similarity_rows(1, 7)
    assert.are.same({ similarities = { done = 7, total = 7 } }, told)
    context:set_progress(nil)
    told = {}
    context:compute_similarity_rows(1, 7)
    assert.are.same({}, told)
  end)

  it("stops a call at every word, which costs only that call", function()
    local function compute()
      context:upload_embeddings(values, n, d)
      return context:compute_diversity_sequence(3)
    end
    local stops = 0
    for wanted = 1, 100 do
      local heard = 0
      context:set_progress(function()
        heard = heard + 1
        return heard ~= wanted
      end)
      local ok, result = pcall(compute)
      context:set_progress(nil)
      if ok then
        assert.are.same(expected, result)
        break
      end
      assert.are.equal("VKC_ERROR_STOPPED", result.name)
      assert.are.equal(wanted, heard)
      stops = stops + 1
      assert.are.same(expected, context:compute_diversity_sequence(3))
    end
    assert.is_true(stops > 3)
  end)

  it("stops what goes batch by batch with the batches that are done", function()
    context:set_progress(function(phase) return phase ~= "walks" end)
    local rows, stopped = context:compute_all_diversity_sequences({ length = 9 })
    assert.are.same({ {}, "cancelled" }, { rows, stopped })
    context:set_progress(function() return false end)
    local ids, similarities, cancelled = context:compute_nearest_neighbors(5)
    assert.are.same({ {}, {}, "cancelled" }, { ids, similarities, cancelled })
    assert.are.same({ {}, {}, "cancelled" }, { context:find_nearest(5, helper.nested(values, 2, d)) })
  end)

  it("raises errors of any kind unchanged, and the context is as it was", function()
    for _, problem in ipairs({ "text", { 1 }, false }) do
      context:set_progress(function() error(problem, 0) end)
      local ok, raised = pcall(context.compute_diversity_sequence, context, 3)
      assert.are.same({ false, problem }, { ok, raised })
    end
    context:set_progress(function() coroutine.yield() end)
    local thread = coroutine.create(function() context:compute_diversity_sequence(3) end)
    local ok, raised = coroutine.resume(thread)
    assert.is_false(ok)
    assert.is_truthy(tostring(raised):find("yield", 1, true))
    context:set_progress(nil)
    assert.are.same(expected, context:compute_diversity_sequence(3))
  end)

  it("cannot use or free its context, but others", function()
    local refused, freed, other
    context:set_progress(function()
      refused = select(2, pcall(context.compute_similarity_rows, context, 0, 1))
      freed = select(2, pcall(context.shutdown, context))
      if not other then
        other = vk.new()
        other:set_progress(function(phase) return phase ~= "walks" end)
        other:upload_embeddings(values, n, d)
        assert.is_false(pcall(other.compute_diversity_sequence, other, 3))
        other:set_progress(nil)
        assert.are.same(expected, other:compute_diversity_sequence(3))
        other:shutdown()
      end
    end)
    assert.are.same(expected, context:compute_diversity_sequence(3))
    assert.are.equal("VKC_ERROR_CONTEXT_BUSY", refused.name)
    assert.is_truthy(refused.message:find("the one that tells its progress", 1, true), refused.message)
    assert.is_truthy(freed:find("return false to stop it", 1, true))
  end)

  it("is called from loops that are compiled, and takes no more callbacks the more there are", function()
    local heard = 0
    local pairs_of = ffi.new("uint32_t[2]", 1, 2)
    for _ = 1, 3000 do
      context:set_progress(function() heard = heard + 1 end)
      context:compute_pair_similarities(pairs_of, pairs_of, { as = "view" })
    end
    assert.is_true(heard >= 6000)
  end)

  it("is a function", function()
    helper.assert_raises("listener must be a function or nil, but is 7", function() context:set_progress(7) end)
  end)
end)
