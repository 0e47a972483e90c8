local ffi = require("ffi")
local helper = require("helper")
local reference = require("reference")

local raises = helper.assert_raises

describe("compute_pair_similarities", function()
  local n, d = 65, 5
  local context, matrix

  setup(function()
    context = helper.new()
    local data = helper.kinds["unequal norms"](n, d)
    context:upload_embeddings(data, n, d, { center = true })
    matrix = reference(data, n, d, true):matrix()
  end)
  teardown(function() context:shutdown() end)
  after_each(helper.assert_no_validation_messages)

  it("equals the reference's matrix, pair by pair", function()
    local first, second, expected = {}, {}, {}
    for i = 0, n - 1 do
      for j = n - 1, 0, -1 do
        first[#first + 1], second[#second + 1] = i, j
        expected[#expected + 1] = matrix[i + 1][j + 1]
      end
    end
    assert.are.same(expected, context:compute_pair_similarities(first, second))
  end)

  it("takes FFI memory and gives views", function()
    local similarities = context:compute_pair_similarities(ffi.new("uint32_t[3]", 0, 1, 64), { 2, 1, 0 },
      { as = "view" })
    assert.is_true(ffi.istype("float*", similarities.data + 0))
    assert.are.same({ matrix[1][3], 1, matrix[65][1] }, similarities:totable())
    assert.are.same({}, context:compute_pair_similarities({}, {}))

    local ids, into = ffi.new("uint32_t[4]", 3, 2, 1, 0), ffi.new("float[3]")
    local written = context:compute_pair_similarities(ids + 1, ids, { count = 2, as = "view", into = into })
    assert.are.same({ matrix[3][4], matrix[2][3] }, written:totable())
    assert.are.same({ matrix[3][4], matrix[2][3], 0 }, { into[0], into[1], into[2] })
  end)

  it("refuses what it cannot take", function()
    local function refused(words, ...)
      local values = { ... }
      return raises(words, function() context:compute_pair_similarities(unpack(values)) end)
    end
    local err = refused("second_ids[1] is 65", { 0, 1 }, { 1, 65 })
    assert.are.equal("VKC_ERROR_ITEM_OUT_OF_RANGE", err.name)
    refused("first_ids are 2 and second_ids 1", { 0, 1 }, { 1 })
    refused("first_ids must be a table of ids", 3, { 1 })
    refused("second_ids[2] must be an integer", { 0, 1 }, { 1, -1 })
    refused("the option count", ffi.new("uint32_t[2]") + 0, { 1 })
    refused("the array holds 1 numbers", { 0, 1 }, { 1, 1 }, { into = ffi.new("float[1]") })
    refused("there is no option", { 0 }, { 1 }, { length = 3 })
  end)
end)
