local ffi = require("ffi")
local helper = require("helper")

local raises = helper.assert_raises

describe("upload_embeddings", function()
  local context

  setup(function() context = helper.new() end)
  teardown(function() context:shutdown() end)
  after_each(helper.assert_no_validation_messages)

  it("takes tables of tables, flat tables and FFI memory alike", function()
    local n, d = 65, 33
    local data = helper.kinds["unequal norms"](n, d)

    local function results(...)
      context:upload_embeddings(...)
      local info = context:embeddings_info()
      return { info, context:compute_similarity_matrix(), context:compute_diversity_sequence(64) }
    end

    for _, options in ipairs({ {}, { center = true } }) do
      local expected = results(data, n, d, options)
      assert.are.same(expected, results(ffi.cast("float*", data), n, d, options))
      assert.are.same(expected, results(ffi.cast("const float*", data), n, d, options))
      assert.are.same(expected, results(helper.nested(data, n, d), options))
      assert.are.same(expected, results(helper.flat(data, n, d), n, d, options))
    end
  end)

  it("describes what is uploaded", function()
    local new = helper.new()
    assert.are.same({ num_embeddings = 0, embedding_dim = 0, centered = false, weighted = false },
      new:embeddings_info())
    new:upload_embeddings({ { 3, 4 }, { 4, 3 }, { 0, 5 } })
    assert.are.same({ num_embeddings = 3, embedding_dim = 2, centered = false, weighted = false },
      new:embeddings_info())
    new:upload_embeddings({ { 3, 4 }, { 4, 4 } }, { center = false })
    assert.are.same({ num_embeddings = 2, embedding_dim = 2, centered = false, weighted = true },
      new:embeddings_info())
    new:upload_embeddings({ 1, 2, 3, 4, 5, 9 }, 3, 2, { center = true })
    assert.are.same({ num_embeddings = 3, embedding_dim = 2, centered = true, weighted = true },
      new:embeddings_info())
    new:shutdown()
  end)

  it("reads numbers at the edge of float32", function()
    local largest = (2 - 2 ^ -23) * 2 ^ 127
    local below_bound = 2 ^ 128 - 2 ^ 103 - 2 ^ 80  -- rounds down to the largest
    context:upload_embeddings({ { largest, 0 }, { below_bound, 0 }, { 0, -largest } })
    assert.are.same({ { 1, 1, 0 }, { 1, 1, 0 }, { 0, 0, 1 } }, context:compute_similarity_matrix())
  end)

  it("takes no memory of the caller's", function()
    local data = helper.kinds["unit norms"](5, 3)
    context:upload_embeddings(data, 5, 3)
    local before = context:compute_similarity_matrix()
    ffi.fill(data, ffi.sizeof(data))
    assert.are.same(before, context:compute_similarity_matrix())
  end)

  describe("refuses", function()
    local function refuses(words, ...)
      local arguments, count = { ... }, select("#", ...)
      return raises(words, function() context:upload_embeddings(unpack(arguments, 1, count)) end)
    end

    it("what holds no embeddings", function()
      refuses("embeddings must be a table of tables", nil)
      refuses("but are the string \"x.npy\"", "x.npy")
      refuses("but are 7", 7)
      refuses("the table is empty", {})
      refuses("the table is empty", {}, 0, 4)
    end)

    it("ragged and missing rows", function()
      refuses("row 3, counted from 1, has 1 columns, but row 1 has 2", { { 1, 2 }, { 3, 4 }, { 5 } })
      refuses("row 2, counted from 1, has 3 columns, but row 1 has 2", { { 1, 2 }, { 3, 4, 5 } })
      refuses("row 2, counted from 1, is 5, not a table", { { 1, 2 }, 5 })
      refuses("row 2, counted from 1, has 0 columns", { { 1, 2 }, {} })
    end)

    it("what is not a number", function()
      refuses("row 2, column 1, counted from 1, is the string \"3\"", { { 1, 2 }, { "3", 4 } })
      refuses("row 1, column 2, counted from 1, is a boolean", { { 1, true }, { 3, 4 } })
      refuses("row 2, column 2, counted from 1, is a cdata", { { 1, 2 }, { 3, 4LL } })
      refuses("row 1, column 1, counted from 1, is a table", { { {} } })
      refuses("entry 4 (row 2, column 1), counted from 1, is the string", { 1, 2, 3, "x", 5, 6 }, 2, 3)
      -- A hole leaves the length of a table open: it is a ragged row or a nil.
      refuses("row 2", { { 1, 2, 3 }, { 1, nil, 3 } })
    end)

    it("what float32 cannot hold", function()
      refuses("row 2, column 2, counted from 1, is 1e+39, which float32 cannot hold",
        { { 1, 2 }, { 3, 1e39 } })
      refuses("row 1, column 1, counted from 1, is -1e+300", { { -1e300, 2 } })
      refuses("entry 2 (row 1, column 2), counted from 1, is 3.4028235677973e+38",
        { 1, 2 ^ 128 - 2 ^ 103 }, 1, 2)
    end)

    it("NaN and infinity, by the library", function()
      for _, value in ipairs({ 0 / 0, math.huge, -math.huge }) do
        local nested = refuses("row 1", { { 1, 2, 3 }, { 4, 5, value } })
        assert.are.equal("VKC_ERROR_NOT_FINITE", nested.name)
        assert.is_truthy(nested.message:find("column 2", 1, true))
        local flat = refuses("column 0", { 1, 2, value, 4 }, 2, 2)
        assert.are.equal(nested.code, flat.code)
        local array = ffi.new("float[4]", { 1, 2, value, 4 })
        assert.are.equal(nested.code, refuses("column 0", array, 2, 2).code)
      end
    end)

    it("entries at index 0, which would be lost", function()
      refuses("the table has an entry at index 0", { [0] = { 1, 2 }, { 3, 4 } })
      refuses("the table has an entry at index 0", { [0] = { 1, 2 } })
      refuses("row 2 has an entry at index 0", { { 3, 4 }, { [0] = 1, 2, 3 } })
      refuses("the table has an entry at index 0", { [0] = 1, 2, 3 }, 1, 2)
    end)

    it("wrong sizes", function()
      refuses("a flat table (row 1 is not a table) needs n (rows) and d (columns)", { 1, 2 })
      refuses("needs n (rows) and d (columns) after it, but 2 and nil came", { 1, 2 }, 2)
      refuses("the table has 5 entries, but n x d is 2 x 3 = 6", { 1, 2, 3, 4, 5 }, 2, 3)
      refuses("the table has 7 entries, but n x d is 2 x 3 = 6", { 1, 2, 3, 4, 5, 6, 7 }, 2, 3)
      refuses("n must be an integer", { 1, 2 }, 0.5, 4)
      refuses("d must be an integer from 0 to 2^32 - 1, but is -1", { 1, 2 }, 2, -1)
      refuses("n must be an integer", { 1, 2 }, 0 / 0, 2)
      refuses("takes no n and d", { { 1, 2 } }, 1, 2)
      refuses("FFI memory needs n (rows) and d (columns)", ffi.new("float[6]"))
      refuses("the array holds 6 numbers, but 2 x 4 = 8 are needed", ffi.new("float[6]"), 2, 4)
      refuses("the array holds 6 numbers", ffi.new("float[?]", 6), 4, 2)
      refuses("the array holds 6 numbers", ffi.new("float[6]"), 2 ^ 32 - 1, 2 ^ 32 - 1)
      assert.are.equal("VKC_ERROR_EMPTY_EMBEDDINGS", refuses("0", ffi.new("float[6]"), 0, 6).name)
      assert.are.equal("VKC_ERROR_EMPTY_EMBEDDINGS", refuses("0", ffi.new("float[6]"), 6, 0).name)
      assert.are.equal("VKC_ERROR_EMPTY_EMBEDDINGS", refuses("0", { {} }).name)
    end)

    it("FFI memory that is not float", function()
      for _, ctype in ipairs({ "double[4]", "int32_t[4]", "uint8_t[16]", "float[2][2]", "float*[4]" }) do
        refuses("must be float* or float[], but is ctype<", ffi.new(ctype), 2, 2)
      end
      refuses("must be float* or float[]", ffi.new("float", 1), 1, 1)
      local null = refuses("", ffi.cast("float*", nil), 2, 2)
      assert.are.equal("VKC_ERROR_NULL_POINTER", null.name)
    end)

    it("unknown and wrong options", function()
      refuses('there is no option the string "centre" here; there are: center',
        { { 1, 2 } }, { centre = true })
      refuses("option center must be a boolean, but is 1", { { 1, 2 } }, { center = 1 })
      refuses("options must be a table, but are a boolean", { { 1, 2 } }, true)
      refuses("options must be a table, but are a boolean", ffi.new("float[2]"), 1, 2, true)
    end)
  end)

  it("keeps the earlier embeddings when it fails", function()
    local data = helper.kinds["unequal norms"](63, 5)
    context:upload_embeddings(data, 63, 5, { center = true })
    local info, matrix = context:embeddings_info(), context:compute_similarity_matrix()
    assert.is_false(pcall(context.upload_embeddings, context, { { 1, 2 }, { 3 } }))
    assert.is_false(pcall(context.upload_embeddings, context, { { 1, 2 }, { 3, 0 / 0 } }))
    assert.are.same(info, context:embeddings_info())
    assert.are.same(matrix, context:compute_similarity_matrix())
  end)
end)
