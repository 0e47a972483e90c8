local cache_helper = require("cache_helper")
local helper = require("helper")
local reference = require("reference")
local vk = require("vk_compute")

describe("A cache of the nearest items of queries", function()
  local n, d, k, count = 150, 16, 12, 70
  local folder, input, queries, path, data

  local must_run = cache_helper.must_run_program

  local function refused(words, ...)
    local text, code = cache_helper.run_program(...)
    assert.are.equal(2, code, text)
    assert.is_truthy(text:find(words, 1, true), text)
  end

  setup(function()
    folder = helper.temporary_folder()
    input, queries, path = folder .. "/input.npy", folder .. "/queries.npy", folder .. "/cache.npy"
    data = helper.kinds["duplicates"](n + count, d)
    cache_helper.write_embeddings(input, data, n, d)
    cache_helper.write_embeddings(queries, data + n * d, count, d)
    must_run("neighbors", input, path, "--queries", queries, "--k", k, "--center")
  end)
  teardown(function() helper.execute("rm", "-rf", folder) end)

  it("has a row for each query, as the definition says", function()
    local ids = reference(data, n + count, d, true, n):neighbors(k, n, count, n)
    local cache = vk.load_nearest_cache(path, { embeddings = input })
    for q = 0, count - 1 do assert.are.same(ids[q + 1], cache:row(q)) end
    helper.assert_raises("query 70 is not below their number, which is 70", function() cache:row(count) end)
    cache:close()
  end)

  it("is finished where it was made, verified and exported", function()
    local text = must_run("neighbors", input, path, "--queries", queries, "--k", k, "--center")
    assert.is_truthy(text:find("already finished", 1, true), text)
    text = must_run("verify", input, path, "--queries", queries)
    assert.is_truthy(text:find("70 of 70 rows", 1, true), text)
    text = must_run("check", path)
    assert.is_truthy(text:find("70 queries", 1, true), text)
    must_run("export", path, folder .. "/cache.json")
    assert.is_truthy(cache_helper.contents(folder .. "/cache.json"):find('"nearest": {\n"0": [', 1, true))
  end)

  it("comes in shards, which make the same file", function()
    local shards = {}
    for index = 0, 2 do
      shards[index + 1] = ("%s/shard%d.npy"):format(folder, index)
      must_run("neighbors", input, shards[index + 1], "--queries", queries, "--k", k, "--center", "--shard",
        index .. "/3")
    end
    must_run("merge", folder .. "/whole.npy", unpack(shards))
    assert.is_true(cache_helper.contents(folder .. "/whole.npy") == cache_helper.contents(path))
  end)

  it("is repaired by the command that a message gives", function()
    local whole = cache_helper.contents(path)
    cache_helper.flip(path, #whole - 4)
    local cache = vk.load_nearest_cache(path)
    local _, message = pcall(cache.row, cache, count - 1)
    assert.are.equal(("row 69 of %s is damaged: put it right with vulkan-compute verify EMBEDDINGS %s "
      .. "--queries QUERIES --repair"):format(path, path), message)
    cache:close()
    local text, code = cache_helper.run_program("neighbors", input, path, "--queries", queries, "--k", k, "--center")
    assert.are.equal(2, code, text)
    local command = text:match("put it right with vulkan%-compute ([^\n]+ %-%-repair)\n")
    assert.are.equal(("verify %s %s --queries %s --repair"):format(input, path, queries), command, text)
    local words = {}
    for word in command:gmatch("%S+") do words[#words + 1] = word end
    must_run(unpack(words))
    assert.is_true(cache_helper.contents(path) == whole)
  end)

  it("is refused with what is wrong", function()
    local short = folder .. "/short.npy"
    cache_helper.write_embeddings(short, data, 5, d - 1)
    refused("make queries with the model", "neighbors", input, folder .. "/no.npy", "--queries", short)
    refused("is more than the 150 embeddings", "neighbors", input, folder .. "/no.npy", "--queries", queries, "--k",
      "151")
    refused("the queries themselves", "neighbors", input, path, "--queries", input, "--k", k, "--center")
    refused("go without --queries", "neighbors", input, folder .. "/no.npy", "--queries", queries, "--similarities")
    refused("goes without --queries", "neighbors", input, "--of", "3", "--queries", queries)
    refused("name the file of these, too (--queries)", "verify", input, path)
    local _, problem = pcall(vk.load_neighbors_cache, path)
    assert.is_truthy(tostring(problem):find("holds nearest items of queries, not nearest neighbours", 1, true))
  end)
end)
