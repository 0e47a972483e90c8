local ffi = require("ffi")
local helper = require("helper")
local reference = require("reference")

local raises = helper.assert_raises

describe("compute_nearest_neighbors", function()
  local context

  setup(function() context = helper.new() end)
  teardown(function() context:shutdown() end)
  after_each(helper.assert_no_validation_messages)

  for kind, make in pairs(helper.kinds) do
    for _, center in ipairs({ false, true }) do
      it(("equals the reference: %s%s"):format(kind, center and ", centred" or ""), function()
        for _, n in ipairs({ 2, 3, 5, 65 }) do
          local data = make(n, 5)
          local expected = reference(data, n, 5, center)
          context:upload_embeddings(data, n, 5, { center = center })
          for _, k in ipairs({ 1, 10, n - 1 }) do
            if k < n then
              assert.are.same({ expected:neighbors(k) }, { context:compute_nearest_neighbors(k) })
            end
          end
        end
      end)
    end
  end

  describe("of 130 embeddings", function()
    local n, d, k = 130, 5, 7
    local expected, ids, similarities

    setup(function()
      local data = helper.kinds["duplicates"](n, d)
      expected = reference(data, n, d, false)
      context:upload_embeddings(data, n, d)
      ids, similarities = expected:neighbors(k)
    end)

    it("gives views", function()
      local id_view, similarity_view, why = context:compute_nearest_neighbors(k, { as = "view" })
      assert.is_nil(why)
      assert.are.same({ n, k, n, k }, { id_view.rows, id_view.cols, similarity_view.rows,
        similarity_view.cols })
      assert.is_true(ffi.istype("uint32_t*", id_view.data + 0))
      assert.is_true(ffi.istype("float*", similarity_view.data + 0))
      assert.are.same(ids, id_view:totable())
      assert.are.same(similarities, similarity_view:totable())
    end)

    it("gives those of some, and leaves similarities out", function()
      for _, range in ipairs({ { 0, 1 }, { 129, 1 }, { 40, 70 }, { 5, 0 }, { 130, 0 } }) do
        local first, count = unpack(range)
        assert.are.same({ expected:neighbors(3, first, count) },
          { context:compute_nearest_neighbors(3, { first = first, count = count }) })
      end
      local rest, none = context:compute_nearest_neighbors(3, { first = 100, similarities = false })
      assert.are.same((expected:neighbors(3, 100, 30)), rest)
      assert.is_nil(none)
    end)

    -- Batches of 1, 9, 2, 9, 3, ...
    local function in_small_batches(fn)
      local asked = 0
      helper.with_overrides({
        vkc_recommended_neighbors_batch = function(_, _, count)
          asked = asked + 1
          count[0] = asked % 2 == 1 and 9 or math.ceil(asked / 2)
          return 0
        end,
      }, fn)
    end

    it("goes batch by batch, with progress", function()
      in_small_batches(function()
        local reports = {}
        local got = context:compute_nearest_neighbors(k, {
          progress = function(...) reports[#reports + 1] = { ... } end,
        })
        assert.are.same(ids, got)
        assert.are.same({ 0, n, { first_index = 0, count = 0 } }, reports[1])
        assert.are.same({ 1, n, { first_index = 0, count = 1 } }, reports[2])
        assert.are.same({ 10, n, { first_index = 1, count = 9 } }, reports[3])
        assert.are.equal(n, reports[#reports][1])
      end)
    end)

    it("stops where progress returns false, with what is done", function()
      in_small_batches(function()
        local got, values, why = context:compute_nearest_neighbors(k, {
          progress = function(done) return done < 10 end,
        })
        assert.are.same({ { unpack(ids, 1, 10) }, { unpack(similarities, 1, 10) }, "cancelled" },
          { got, values, why })
      end)
    end)

    it("refuses what is not there", function()
      local function refused(name, words, fn)
        assert.are.equal(name, raises(words, fn).name)
      end
      refused("VKC_ERROR_INVALID_LENGTH", "k is 0 and must be from 1 to 129", function()
        context:compute_nearest_neighbors(0)
      end)
      refused("VKC_ERROR_INVALID_LENGTH", "k is 130", function()
        context:compute_nearest_neighbors(n)
      end)
      refused("VKC_ERROR_ITEM_OUT_OF_RANGE", "11 rows from row 120 on", function()
        context:compute_nearest_neighbors(k, { first = 120, count = 11 })
      end)
      refused("VKC_ERROR_ITEM_OUT_OF_RANGE", "131", function()
        context:compute_nearest_neighbors(k, { first = 131 })
      end)
    end)

    it("refuses wrong arguments", function()
      raises("k must be an integer", function() context:compute_nearest_neighbors(1.5) end)
      raises("k must be an integer", function() context:compute_nearest_neighbors() end)
      raises("option first must be an integer", function()
        context:compute_nearest_neighbors(1, { first = -1 })
      end)
      raises("option similarities must be a boolean", function()
        context:compute_nearest_neighbors(1, { similarities = "no" })
      end)
      raises('option as must be "table" or "view"', function()
        context:compute_nearest_neighbors(1, { as = "list" })
      end)
      raises("there is no option", function() context:compute_nearest_neighbors(1, { length = 3 }) end)
    end)

    it("refuses callbacks that take its embeddings away", function()
      local other = helper.new()
      other:upload_embeddings({ { 1, 2 }, { 2, 1 } })
      raises("a callback replaced the embeddings", function()
        other:compute_nearest_neighbors(1, {
          progress = function() other:upload_embeddings({ { 1, 2 }, { 2, 1 }, { 0, 1 } }) end,
        })
      end)
      other:shutdown()
    end)
  end)

  it("is refused before an upload and of one embedding", function()
    local other = helper.new()
    local function name_of(fn) return raises("", fn).name end
    assert.are.equal("VKC_ERROR_NO_EMBEDDINGS", name_of(function()
      other:compute_nearest_neighbors(1)
    end))
    other:upload_embeddings({ { 1, 2 } })
    assert.are.equal("VKC_ERROR_INVALID_LENGTH", name_of(function()
      other:compute_nearest_neighbors(1)
    end))
    other:shutdown()
  end)

  it("is a function of the module, too", function()
    local vk = require("vk_compute")
    vk.init({ validation = true })
    vk.upload_embeddings({ { 1, 0 }, { 0, 1 }, { 1, 0 } })
    assert.are.same({ { { 2, 1 }, { 0, 2 }, { 0, 1 } }, { { 1, 0 }, { 0, 0 }, { 1, 0 } } },
      { vk.compute_nearest_neighbors(2) })
    vk.shutdown()
  end)
end)
