local helper = require("helper")

local raises = helper.assert_raises

describe("compute_all_diversity_sequences", function()
  local n, d = 65, 5
  local context, expected

  setup(function()
    context = helper.new()
    context:upload_embeddings(helper.kinds["unequal norms"](n, d), n, d)
    expected = context:compute_all_diversity_sequences()
  end)
  teardown(function() context:shutdown() end)
  after_each(helper.assert_no_validation_messages)

  -- The library would do so few in one batch: batches of 1, 9, 2, 9, 3, ... cut it up.
  local function in_small_batches(fn)
    local asked = 0
    helper.with_overrides({
      vkc_recommended_batch_with = function(_, _, _, count)
        asked = asked + 1
        count[0] = asked % 2 == 0 and math.ceil(asked / 2) or 9
        return 0
      end,
    }, fn)
  end

  it("gives the same in any batches", function()
    in_small_batches(function()
      assert.are.same(expected, context:compute_all_diversity_sequences())
      assert.are.same(expected, context:compute_all_diversity_sequences({ as = "view" }):totable())
    end)
  end)

  it("reports progress before the first batch and after each", function()
    in_small_batches(function()
      local reports = {}
      local _, why = context:compute_all_diversity_sequences({
        progress = function(...) reports[#reports + 1] = { ... } end,
      })
      assert.is_nil(why)
      assert.are.same({ 0, n, { first_index = 0, count = 0 } }, reports[1])
      assert.are.same({ 1, n, { first_index = 0, count = 1 } }, reports[2])
      assert.are.same({ 10, n, { first_index = 1, count = 9 } }, reports[3])
      assert.is_true(#reports > 5)
      for i = 2, #reports do
        local done, _, batch = unpack(reports[i])
        assert.are.equal(reports[i - 1][1], batch.first_index)
        assert.are.equal(done, batch.first_index + batch.count)
      end
      assert.are.equal(n, reports[#reports][1])
    end)
  end)

  it("reports progress where there is nothing to do", function()
    local reports = {}
    context:compute_all_diversity_sequences({
      starts = {},
      progress = function(done, total) reports[#reports + 1] = { done, total } end,
    })
    assert.are.same({ { 0, 0 } }, reports)
  end)

  it("hands over each batch and keeps nothing", function()
    in_small_batches(function()
      local received, order = {}, {}
      local done, why = context:compute_all_diversity_sequences({
        on_batch = function(first_index, count, rows)
          order[#order + 1] = "batch"
          assert.are.same({ count, n }, { rows.rows, rows.cols })
          assert.are.equal(#received, first_index)
          for _, row in ipairs(rows:totable()) do received[#received + 1] = row end
        end,
        progress = function() order[#order + 1] = "progress" end,
      })
      assert.are.equal(n, done)
      assert.is_nil(why)
      assert.are.same(expected, received)
      assert.are.same({ "progress", "batch", "progress", "batch" }, { unpack(order, 1, 4) })
    end)
  end)

  it("counts first_index along the starts given", function()
    in_small_batches(function()
      local starts = {}
      for i = 1, 30 do starts[i] = (i * 37) % n end
      local seen = 0
      context:compute_all_diversity_sequences({
        starts = starts,
        length = 3,
        on_batch = function(first_index, count, rows)
          for r = 0, count - 1 do
            assert.are.equal(starts[first_index + r + 1], rows[r][0])
            seen = seen + 1
          end
        end,
      })
      assert.are.equal(30, seen)
    end)
  end)

  it("stops where progress returns false, with what is done", function()
    local function stop_at(limit)
      return function(done) return done < limit end
    end

    in_small_batches(function()
      local tables, why = context:compute_all_diversity_sequences({ progress = stop_at(10) })
      assert.are.equal("cancelled", why)
      assert.are.same({ unpack(expected, 1, 10) }, tables)
    end)
    in_small_batches(function()
      local view, why = context:compute_all_diversity_sequences({ progress = stop_at(2), as = "view" })
      assert.are.equal("cancelled", why)
      assert.are.same({ unpack(expected, 1, 10) }, view:totable())
    end)
    in_small_batches(function()
      local done, why = context:compute_all_diversity_sequences({
        progress = stop_at(1),
        on_batch = function() end,
      })
      assert.are.same({ 1, "cancelled" }, { done, why })
    end)
    assert.are.same({ {}, "cancelled" },
      { context:compute_all_diversity_sequences({ progress = stop_at(0) }) })
    -- All was done when it said stop.
    assert.are.same({ expected }, { context:compute_all_diversity_sequences({ progress = stop_at(n) }) })
  end)

  it("goes on where progress returns nil or anything else", function()
    in_small_batches(function()
      local answers = { nil, 0, true, "stop" }
      local calls = 0
      assert.are.same(expected, context:compute_all_diversity_sequences({
        progress = function()
          calls = calls + 1
          return answers[calls % 4]
        end,
      }))
    end)
  end)

  it("lets errors of callbacks through unchanged, and works again after them", function()
    local thrown = {}
    for _, name in ipairs({ "progress", "on_batch" }) do
      local ok, err = pcall(context.compute_all_diversity_sequences, context,
        { [name] = function() error(thrown) end })
      assert.is_false(ok)
      assert.are.equal(thrown, err)
    end
    assert.are.same(expected, context:compute_all_diversity_sequences())
  end)

  it("go the way that suits all that are planned", function()
    local many, dim, length = 3000, 64, 10
    local other = helper.new()
    local data = helper.kinds["unit norms"](many, dim)
    local function way(count)
      return other:plan_memory({ n = many, d = dim, work = "diversity", count = count, length = length }).way
    end
    assert.are.same({ "filter", "matrix" }, { way(1), way(many) })
    -- Whether a call builds the matrix.
    local has_matrix
    other:set_progress(function(phase) has_matrix = has_matrix or phase == "matrix" end)
    local function walk(options)
      has_matrix = false
      other:upload_embeddings(data, many, dim)
      return other:compute_diversity_sequences({ 3 }, length, options)
    end
    local expected_one = walk()
    assert.is_false(has_matrix)
    assert.are.same(expected_one, walk({ planned = many }))
    assert.is_true(has_matrix)
    has_matrix = false
    other:upload_embeddings(data, many, dim)
    local first
    other:compute_all_diversity_sequences({ length = length, progress = function() return not first end,
      on_batch = function(_, _, rows) first = rows:totable()[4] end })
    assert.is_true(has_matrix)
    assert.are.same(expected_one[1], first)
    other:shutdown()
  end)

  it("refuses callbacks that take its embeddings away", function()
    local other = helper.new()
    other:upload_embeddings({ { 1, 2 }, { 2, 1 } })
    raises("a callback replaced the embeddings", function()
      other:compute_all_diversity_sequences({
        progress = function() other:upload_embeddings({ { 1, 2 }, { 2, 1 }, { 0, 1 } }) end,
      })
    end)
    raises("this context was shut down", function()
      other:compute_all_diversity_sequences({ on_batch = function() other:shutdown() end })
    end)
  end)

  it("passes failures of the library on, with their code", function()
    helper.with_overrides({
      vkc_compute_diversity_sequences_with = function() return -15 end,
    }, function()
      local err = raises("", function() context:compute_all_diversity_sequences() end)
      assert.are.same({ -15, "VKC_ERROR_DEVICE_LOST" }, { err.code, err.name })
      assert.are.equal(err.where .. err.message, tostring(err))
      assert.are.equal("failed: " .. tostring(err), "failed: " .. err)
    end)
  end)
end)
