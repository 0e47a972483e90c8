local ffi = require("ffi")
local helper = require("helper")
local reference = require("reference")

local raises = helper.assert_raises

local function values(list_view)
  local list = {}
  for k = 0, list_view.length - 1 do list[k + 1] = list_view[k] end
  return list
end

local function grid_values(grid)
  local rows = {}
  for r = 0, grid.rows - 1 do
    rows[r + 1] = {}
    for c = 0, grid.cols - 1 do rows[r + 1][c + 1] = grid.data[r * grid.cols + c] end
  end
  return rows
end

describe("results", function()
  local context

  setup(function() context = helper.new() end)
  teardown(function() context:shutdown() end)
  after_each(helper.assert_no_validation_messages)

  for kind, make in pairs(helper.kinds) do
    for _, center in ipairs({ false, true }) do
      it(("equal the reference: %s%s"):format(kind, center and ", centred" or ""), function()
        for _, n in ipairs({ 1, 2, 3, 5, 63, 64, 65 }) do
          for _, d in ipairs({ 1, 2, 65 }) do
            local data = make(n, d)
            local expected = reference(data, n, d, center)
            context:upload_embeddings(data, n, d, { center = center })
            assert.are.equal(expected.weighted, context:embeddings_info().weighted)
            assert.are.same(expected:matrix(), context:compute_similarity_matrix())
            assert.are.same(expected:sequences(n), context:compute_all_diversity_sequences())
            assert.are.same(expected:sequence(n - 1, n), context:compute_diversity_sequence(n - 1))
          end
        end
      end)
    end
  end

  it("equal the reference at a larger size", function()
    local n, d = 257, 129
    local data = helper.kinds["unequal norms"](n, d)
    local expected = reference(data, n, d, true)
    context:upload_embeddings(data, n, d, { center = true })
    assert.are.same(expected:matrix(), context:compute_similarity_matrix())
    assert.are.same(expected:sequences(n), context:compute_all_diversity_sequences())
  end)

  describe("of 65 embeddings", function()
    local n, d = 65, 5
    local expected

    setup(function()
      local data = helper.kinds["unequal norms"](n, d)
      expected = reference(data, n, d, false)
      context:upload_embeddings(data, n, d)
    end)

    it("as views hold what the tables hold", function()
      local view = { as = "view" }
      local matrix = context:compute_similarity_matrix(view)
      assert.are.same({ n, n }, { matrix.rows, matrix.cols })
      assert.is_true(ffi.istype("float*", matrix.data + 0))
      assert.are.same(expected:matrix(), grid_values(matrix))
      assert.are.same(expected:matrix(), matrix:totable())
      assert.are.same(expected:matrix()[65], values(matrix[64]))

      local rows = context:compute_similarity_rows(60, 5, view)
      assert.are.same({ 5, n }, { rows.rows, rows.cols })
      assert.are.same({ unpack(expected:matrix(), 61) }, grid_values(rows))

      local sequence = context:compute_diversity_sequence(3, view)
      assert.are.equal(n, sequence.length)
      assert.is_true(ffi.istype("uint32_t*", sequence.data + 0))
      assert.are.same(expected:sequence(3, n), values(sequence))
      assert.are.same(expected:sequence(3, n), sequence:totable())

      local some = context:compute_diversity_sequences({ 64, 0 }, 7, view)
      assert.are.same({ 2, 7 }, { some.rows, some.cols })
      assert.are.same({ expected:sequence(64, 7), expected:sequence(0, 7) }, grid_values(some))

      local all = context:compute_all_diversity_sequences(view)
      assert.are.same({ n, n }, { all.rows, all.cols })
      assert.are.same(expected:sequences(n), grid_values(all))

      assert.are.same(expected:sequence(0, n), context:compute_diversity_sequence(0, { as = "table" }))
    end)

    -- Each gets memory with a word before and behind that nothing may touch.
    it("go into the caller's memory, and nowhere else", function()
      local MARK = 1234567
      local function check_into(element, rows, columns, wanted, compute)
        local count = rows * columns
        for _, as in ipairs({ element .. "*", element .. "[?]" }) do
          local memory = ffi.new(element .. "[?]", count + 2)
          memory[0], memory[count + 1] = MARK, MARK
          local into = as:find("*", 1, true) and memory + 1 or ffi.new(as, count)
          local view = compute(into)
          assert.is_true(view.data == into)
          assert.are.same(wanted, view:totable())
          assert.are.same({ MARK, MARK }, { tonumber(memory[0]), tonumber(memory[count + 1]) })
        end
        for words, into in pairs({
          [("option into: the array holds %d numbers, but %d x %d = %d are needed"):format(count - 1, rows, columns,
            count)] = ffi.new(element .. "[?]", count - 1),
          [("option into: FFI memory must be %s* or %s[]"):format(element, element)] = ffi.new("double[?]", count),
        }) do
          local ok, problem = pcall(compute, into)
          assert.is_false(ok)
          assert.is_truthy(problem:find(words, 1, true), problem)
        end
      end
      check_into("float", n, n, expected:matrix(), function(into)
        return context:compute_similarity_matrix({ into = into })
      end)
      check_into("float", 5, n, { unpack(expected:matrix(), 61) }, function(into)
        return context:compute_similarity_rows(60, 5, { into = into })
      end)
      check_into("uint32_t", 1, n, expected:sequence(3, n), function(into)
        return context:compute_diversity_sequence(3, { into = into })
      end)
      local starts = ffi.new("uint32_t[3]", 64, 0, 5)
      check_into("uint32_t", 2, 7, { expected:sequence(64, 7), expected:sequence(0, 7) }, function(into)
        return context:compute_diversity_sequences(starts + 0, 7, { count = 2, into = into })
      end)
      check_into("uint32_t", n, n, expected:sequences(n), function(into)
        return context:compute_all_diversity_sequences({ into = into })
      end)
      local ids, similarities = expected:neighbors(4)
      check_into("uint32_t", n, 4, ids, function(into)
        return context:compute_nearest_neighbors(4, { into = into })
      end)
      local floats = ffi.new("float[?]", n * 4)
      local _, written = context:compute_nearest_neighbors(4,
        { into = ffi.new("uint32_t[?]", n * 4), similarities_into = floats })
      assert.is_true(written.data == floats)
      assert.are.same(similarities, written:totable())
      assert.is_nil(select(2, context:compute_nearest_neighbors(4, { into = ffi.new("uint32_t[?]", n * 4) })))
      raises("starts: a pointer does not tell how many there are", function()
        context:compute_diversity_sequences(starts + 0, 7)
      end)
      raises('options into and as = "table" exclude each other', function()
        context:compute_similarity_matrix({ into = floats, as = "table" })
      end)
      raises("option similarities_into goes with into", function()
        context:compute_nearest_neighbors(4, { similarities_into = floats })
      end)
    end)

    it("as views refuse indices outside", function()
      local sequence = context:compute_diversity_sequence(0, { as = "view" })
      local grid = context:compute_similarity_rows(0, 2, { as = "view" })
      for _, index in ipairs({ -1, 65, 0.5, 0 / 0, math.huge }) do
        raises("is not in this view: they go from 0 to 64", function() return sequence[index] + 0 end)
      end
      raises("row 2 is not in this view: they go from 0 to 1", function() return grid[2].length end)
      assert.is_nil(sequence.no_such_field)
    end)

    it("as views outlive their context", function()
      local other = helper.new()
      other:upload_embeddings(helper.kinds["unequal norms"](n, d), n, d)
      local sequence = other:compute_diversity_sequence(9, { as = "view" })
      other:shutdown()
      other = nil  -- luacheck: ignore
      collectgarbage()
      assert.are.same(expected:sequence(9, n), values(sequence))
    end)

    it("as rows of a view hold the memory of the whole, while they are held", function()
      local whole = setmetatable({}, { __mode = "v" })
      local row = (function()
        local matrix = context:compute_similarity_matrix({ as = "view" })
        whole.data = matrix.data
        local last = matrix[64]
        return last
      end)()
      collectgarbage()
      assert.is_true(whole.data ~= nil)
      assert.are.same(expected:matrix()[65], values(row))
      row = nil  -- luacheck: ignore
      collectgarbage()
      assert.is_true(whole.data == nil)
    end)

    it("come as any range of rows", function()
      local matrix = expected:matrix()
      for _, range in ipairs({ { 0, 65 }, { 0, 1 }, { 64, 1 }, { 13, 40 }, { 7, 0 }, { 65, 0 } }) do
        local first, count = unpack(range)
        local wanted = {}
        for r = 1, count do wanted[r] = matrix[first + r] end
        assert.are.same(wanted, context:compute_similarity_rows(first, count))
      end
    end)

    it("come for any starts and lengths", function()
      for _, length in ipairs({ 1, 2, 64, 65 }) do
        local wanted = {}
        local starts = { 5, 5, 64, 0, 33, 5 }
        for i, start in ipairs(starts) do wanted[i] = expected:sequence(start, length) end
        assert.are.same(wanted, context:compute_diversity_sequences(starts, length))
        assert.are.same(wanted,
          context:compute_diversity_sequences(ffi.new("uint32_t[6]", starts), length))
        assert.are.same(wanted,
          context:compute_all_diversity_sequences({ starts = starts, length = length }))
      end
      assert.are.same({ expected:sequence(1, n) }, context:compute_diversity_sequences({ 1 }))
      assert.are.same({}, context:compute_diversity_sequences({}))
      assert.are.equal(0, context:compute_diversity_sequences({}, 3, { as = "view" }).rows)
      assert.are.same({}, context:compute_all_diversity_sequences({ starts = {} }))
    end)

    it("are refused for what is not there", function()
      local function refused(name, words, fn)
        local err = raises(words, fn)
        assert.are.equal(name, err.name)
      end
      refused("VKC_ERROR_ITEM_OUT_OF_RANGE", "65", function()
        context:compute_diversity_sequence(65)
      end)
      refused("VKC_ERROR_ITEM_OUT_OF_RANGE", "99", function()
        context:compute_diversity_sequences({ 0, 99 }, 3)
      end)
      refused("VKC_ERROR_ITEM_OUT_OF_RANGE", "99", function()
        context:compute_all_diversity_sequences({ starts = { 0, 99 } })
      end)
      for _, range in ipairs({ { 65, 1 }, { 60, 6 }, { 0, 2 ^ 32 - 1 }, { 2 ^ 32 - 1, 2 ^ 32 - 1 } }) do
        refused("VKC_ERROR_ITEM_OUT_OF_RANGE", "", function()
          context:compute_similarity_rows(range[1], range[2])
        end)
      end
      for _, length in ipairs({ 0, 66, 2 ^ 32 - 1 }) do
        refused("VKC_ERROR_INVALID_LENGTH", tostring(length):match("^%d+$") or "", function()
          context:compute_diversity_sequences({ 0 }, length)
        end)
        refused("VKC_ERROR_INVALID_LENGTH", "", function()
          context:compute_all_diversity_sequences({ length = length })
        end)
      end
    end)

    it("are refused for wrong arguments", function()
      for _, start in ipairs({ -1, 0.5, 0 / 0, 2 ^ 32, "0", {}, 0LL, false }) do
        raises("start must be an integer from 0", function()
          context:compute_diversity_sequence(start)
        end)
        raises("starts[2] must be an integer from 0", function()
          context:compute_diversity_sequences({ 0, start })
        end)
        raises("first must be an integer from 0", function()
          context:compute_similarity_rows(start, 1)
        end)
      end
      raises("start must be an integer from 0 to 2^32 - 1, but is nil", function()
        context:compute_diversity_sequence()
      end)
      raises("starts must be a table of ids or FFI uint32_t memory, but are 3", function()
        context:compute_diversity_sequences(3)
      end)
      for _, ctype in ipairs({ "int32_t[2]", "float[2]" }) do
        raises("starts: FFI memory must be uint32_t* or uint32_t[]", function()
          context:compute_diversity_sequences(ffi.new(ctype))
        end)
      end
      raises("length must be an integer", function()
        context:compute_diversity_sequences({ 0 }, 1.5)
      end)
      raises("length must be an integer from 0 to 2^32 - 1, but is a table", function()
        context:compute_diversity_sequences({ 0 }, { as = "view" })
      end)
      raises('option as must be "table" or "view", but is the string "views"', function()
        context:compute_similarity_matrix({ as = "views" })
      end)
      raises('there is no option the string "lenght" here; there are: as, into, lambda, length', function()
        context:compute_all_diversity_sequences({ lenght = 3 })
      end)
      raises("option progress must be a function", function()
        context:compute_all_diversity_sequences({ progress = true })
      end)
      raises("there is no option 1 here", function()
        context:compute_all_diversity_sequences({ 3 })
      end)
      raises("on_batch and as exclude each other", function()
        context:compute_all_diversity_sequences({ as = "view", on_batch = print })
      end)
    end)
  end)

  it("have a plan of their memory", function()
    local plan = context:plan_memory({ n = 2000, d = 64, length = 100 })
    assert.is_true(plan.fits)
    assert.are.equal(plan.device_bytes, plan.embeddings_bytes + plan.matrix_bytes + plan.work_bytes)
    assert.is_true(plan.matrix_bytes >= 4 * 2000 ^ 2)
    assert.is_true(plan.walks_at_once > 0 and plan.walks_at_once <= 2000)
    local upload = context:plan_memory({ n = 9, d = 9, work = "upload" })
    assert.are.same({ 0, nil, nil }, { upload.matrix_bytes, upload.way, upload.seconds })
    assert.is_true(context:plan_memory({ n = 2000, d = 64, work = "similarity", count = 1 }).device_bytes
      < plan.device_bytes)
    local neighbors = context:plan_memory({ n = 2000, d = 64, work = "neighbors", k = 10 })
    assert.is_true(neighbors.fits and neighbors.seconds > 0)
    assert.are.equal("matrix", neighbors.way)
    assert.are.equal("rows", context:plan_memory({ n = 2000, d = 64, work = "neighbors", count = 1, k = 10 }).way)
    assert.are.equal("matrix", plan.way)
    local few = context:plan_memory({ n = 20000, d = 64, count = 1, length = 10 })
    assert.are.equal("filter", few.way)
    assert.are.equal(0, few.matrix_bytes)
    assert.is_true(few.seconds > 0 and few.seconds < context:plan_memory({ n = 20000, d = 64 }).seconds)
    assert.is_false(context:plan_memory({ n = 2 ^ 32 - 1, d = 1 }).fits)

    raises("option work", function() context:plan_memory({ n = 9, d = 9, work = "cake" }) end)
    raises("option d must be an integer", function() context:plan_memory({ n = 9 }) end)
    raises("option k must be 1 or more", function()
      context:plan_memory({ n = 9, d = 9, work = "neighbors", k = 0 })
    end)
    assert.are.equal("VKC_ERROR_INVALID_LENGTH",
      raises("", function() context:plan_memory({ n = 9, d = 9, length = 10 }) end).name)
  end)

  it("are refused before an upload", function()
    local new = helper.new()
    for _, call in ipairs({
      function() new:compute_similarity_matrix() end,
      function() new:compute_similarity_rows(0, 1) end,
      function() new:compute_diversity_sequence(0) end,
      function() new:compute_diversity_sequences({ 0 }) end,
      function() new:compute_diversity_sequences({ 0 }, 2 ^ 32 - 1) end,
      function() new:compute_all_diversity_sequences() end,
    }) do
      assert.are.equal("VKC_ERROR_NO_EMBEDDINGS", raises("", call).name)
    end
    new:shutdown()
  end)
end)
