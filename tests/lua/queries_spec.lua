local ffi = require("ffi")
local helper = require("helper")
local reference = require("reference")

local raises = helper.assert_raises

describe("find_nearest", function()
  local context

  setup(function() context = helper.new() end)
  teardown(function() context:shutdown() end)
  after_each(helper.assert_no_validation_messages)

  for kind, make in pairs(helper.kinds) do
    for _, center in ipairs({ false, true }) do
      it(("equals the reference: %s%s"):format(kind, center and ", centred" or ""), function()
        for _, n in ipairs({ 1, 5, 65 }) do
          local count, d = 7, 5
          local data = make(n + count, d)
          local expected = reference(data, n + count, d, center, n)
          context:upload_embeddings(data, n, d, { center = center })
          for _, k in ipairs({ 1, n }) do
            assert.are.same({ expected:neighbors(k, n, count, n) },
              { context:find_nearest(k, data + n * d, count, d) })
          end
        end
      end)
    end
  end

  describe("among 60 embeddings", function()
    local n, d, k, count = 60, 5, 7, 30
    local data, expected, ids, similarities

    setup(function()
      data = helper.kinds["duplicates"](n + count, d)
      expected = reference(data, n + count, d, true, n)
      context:upload_embeddings(data, n, d, { center = true })
      ids, similarities = expected:neighbors(k, n, count, n)
    end)

    it("takes queries in every form", function()
      local rows, flat = {}, {}
      for i = 1, count do
        rows[i] = {}
        for c = 1, d do
          rows[i][c] = data[(n + i - 1) * d + c - 1]
          flat[#flat + 1] = rows[i][c]
        end
      end
      for _, found in ipairs({
        { context:find_nearest(k, rows) },
        { context:find_nearest(k, flat, count, d) },
        { context:find_nearest(k, { embeddings = rows }) },
        { context:find_nearest(k, { data = data + n * d, n = count, d = d }) },
      }) do
        assert.are.same({ ids, similarities }, found)
      end
      assert.are.same({ ids[3] }, (context:find_nearest(k, { embedding = rows[3] })))
    end)

    it("gives views, also in memory of the caller's", function()
      local id_view, similarity_view = context:find_nearest(k, data + n * d, count, d, { as = "view" })
      assert.are.same(ids, id_view:totable())
      assert.are.same(similarities, similarity_view:totable())
      local memory = ffi.new("uint32_t[?]", count * k)
      local given, none = context:find_nearest(k, data + n * d, count, d, { into = memory, as = "view" })
      assert.is_true(given.data == memory)
      assert.is_nil(none)
      assert.are.same(ids, given:totable())
    end)

    it("shows progress, and stops", function()
      local seen = {}
      local some, _, why = context:find_nearest(k, data + n * d, count, d, {
        progress = function(done, total)
          seen[#seen + 1] = { done, total }
          return false
        end,
      })
      assert.are.same({ { { 0, count } }, 0, "cancelled" }, { seen, #some, why })
    end)

    it("is refused with what is wrong", function()
      raises("k is 61 and must be from 1 to 60", function() context:find_nearest(61, data, 1, d) end)
      raises("query_dim is 4, and the embeddings have 5", function() context:find_nearest(1, data, 1, 4) end)
      raises("no option", function() context:find_nearest(1, data, 1, d, { first = 3 }) end)
      raises("query in row 1 has NaN in column 2", function()
        context:find_nearest(1, { { 1, 2, 3, 4, 5 }, { 1, 2, 0 / 0, 4, 5 } })
      end)
    end)
  end)

  it("counts rows from the first query, whatever the batch", function()
    local many = ffi.new("float[?]", 200 * 3)
    for i = 0, 200 * 3 - 1 do many[i] = i % 7 + 1 end
    many[150 * 3 + 1] = 1 / 0
    -- At least 64 in a batch, and no more where batches are that short.
    context:upload_embeddings(many, 100, 3)
    raises("query in row ", function() context:find_nearest(1, many, 200, 3) end)
  end)

  it("is a function of the module, too", function()
    local vk = require("vk_compute")
    vk.init({ validation = true })
    vk.upload_embeddings({ { 1, 0 }, { 0, 1 }, { 1, 0 } })
    assert.are.same({ { { 0, 2, 1 } }, { { 1, 1, 0 } } }, { vk.find_nearest(3, { { 2, 0 } }) })
    vk.shutdown()
  end)
end)
