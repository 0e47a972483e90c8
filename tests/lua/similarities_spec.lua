-- The twin of a cache of neighbours: their similarities in a file of the same shape.

local cjson = require("cjson")
local ffi = require("ffi")
local cache_helper = require("cache_helper")
local helper = require("helper")
local reference = require("reference")
local vk = require("vk_compute")


local PROGRAM = cache_helper.PROGRAM

describe("neighbors --similarities", function()
  local n, d, k = 130, 9, 7
  local folder, input, path, twin, expected

  setup(function()
    folder = helper.temporary_folder()
    input, path, twin = folder .. "/e.npy", folder .. "/n.npy", folder .. "/n.similarities.npy"
    local data = helper.kinds["duplicates"](n, d)
    cache_helper.write_embeddings(input, data, n, d)
    local _, values = reference(data, n, d, true):neighbors(k)
    local floats = ffi.new("float[?]", n * k)
    for row = 1, n do
      for place = 1, k do floats[(row - 1) * k + place - 1] = values[row][place] end
    end
    expected = ffi.string(floats, 4 * n * k)
  end)
  teardown(function() helper.execute("rm", "-r", folder) end)
  before_each(function()
    cache_helper.remove(path)
    cache_helper.remove(twin)
  end)

  local run, succeed = cache_helper.run_program, cache_helper.must_run_program
  local function compute(...)
    return succeed("neighbors", input, path, "--k", k, "--center", "--similarities", ...)
  end
  local function refused(words, ...)
    local output, code = run(...)
    assert.is_truthy(code ~= 0 and output:find(words, 1, true), output)
  end

  local function assert_as_expected()
    local contents = cache_helper.contents(twin)
    local header = ("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }"):format(n, k)
    assert.is_truthy(contents:find(header, 1, true))
    assert.is_true(contents:sub(-#expected) == expected)
  end

  it("are not taken for ids by report", function()
    compute("--quiet")
    refused("holds similarities of nearest neighbours, not ids", "report", input, twin)
  end)

  it("writes the reference's, which readers give beside their neighbours", function()
    compute("--quiet")
    assert_as_expected()
    local cache = vk.load_neighbors_cache(path, { embeddings = input })
    local floats = ffi.cast("const float *", expected)
    for s = 0, n - 1 do
      local row, view = cache:similarities(s), cache:similarities(s, { as = "view" })
      for place = 0, k - 1 do
        assert.are.equal(floats[s * k + place], row[place + 1])
        assert.are.equal(row[place + 1], view[place])
      end
    end
    cache:close()
    succeed("export", twin, folder .. "/s.json")
    local rows = cjson.decode(cache_helper.contents(folder .. "/s.json")).similarities
    assert.is_true(math.abs(rows["5"][2] - floats[5 * k + 1]) < 1e-8)
  end)

  it("goes on after it was killed", function()
    local command = helper.quoted(PROGRAM, "neighbors", input, path, "--k", k, "--center", "--similarities",
      "--batch", 1, "--quiet")
    os.execute(("%s & pid=$!; for i in $(seq 1000); do [ -s '%s.journal' ] && break; sleep 0.01; done;"
      .. " kill -9 $pid; wait $pid 2>/dev/null"):format(command, twin))
    assert.is_true(cache_helper.exists(path) and cache_helper.exists(twin .. ".partial"))
    assert.is_false(cache_helper.exists(twin))
    assert.is_truthy(succeed("verify", input, path):find("n.similarities.npy: %d+ of 130 rows"))
    local text = compute()
    assert.is_truthy(text:find("already finished: " .. path, 1, true), text)
    assert_as_expected()
  end)

  it("is verified and repaired with its neighbours", function()
    compute("--quiet")
    local verified = "n.similarities.npy: 130 of 130 rows, 16 of them computed again and compared; verified"
    assert.is_truthy(succeed("verify", input, path):find(verified, 1, true))
    cache_helper.flip(twin, #cache_helper.contents(twin) - 40)
    local output, code = run("verify", input, path)
    assert.are.equal(1, code)
    assert.is_truthy(output:find("n.npy: 130 of 130 rows, 16 of them computed again and compared; verified", 1, true))
    assert.is_truthy(output:find("PROBLEM: checksums do not fit in rows 128", 1, true), output)
    succeed("verify", input, path, "--repair")
    assert_as_expected()
    succeed("verify", input, twin)
  end)

  it("refuses what does not belong together", function()
    compute("--quiet")
    refused("what differs: length", "neighbors", input, path, "--k", 5, "--center", "--similarities")
    refused("not ids: name the cache of those, " .. path, "report", input, twin)
    refused("looks like a cache", "neighbors", twin, folder .. "/x.npy")
    cache_helper.remove(path)
    refused("there is no cache " .. path, "verify", input, twin)
    succeed("neighbors", input, path, "--k", k, "--quiet")
    local cache = vk.load_neighbors_cache(path)
    assert.is_truthy(select(2, pcall(cache.similarities, cache, 0)):find("does not belong to", 1, true))
    cache:close()
    for _, command in ipairs({ { "check", path }, { "check", twin }, { "verify", input, path } }) do
      refused(("%s does not belong to the neighbours in %s: remove it"):format(twin, path), unpack(command))
    end
  end)

  it("computes similarities of former neighbours anew, and keeps the neighbours there are", function()
    compute("--quiet")
    succeed("neighbors", input, path, "--k", 5, "--center", "--quiet", "--force")
    local text = succeed("neighbors", input, path, "--k", 5, "--center", "--similarities")
    assert.is_truthy(text:find("already finished: " .. path, 1, true), text)
    assert.is_truthy(text:find(twin .. " is of other neighbours than those there are now", 1, true), text)
    assert.is_truthy(succeed("verify", input, path):find("n.similarities.npy: 130 of 130 rows, .*; verified"))
    assert.is_truthy(succeed("check", path):find("no problem known", 1, true))
    -- The same of ones that are not finished.
    cache_helper.copy(twin, folder .. "/whole")
    cache_helper.remove(twin)
    local stopped = folder .. "/stopped.npy"
    local command = helper.quoted(PROGRAM, "neighbors", input, stopped, "--similarities", "--batch", 1, "--quiet")
    local growing = folder .. "/stopped.similarities.npy"
    os.execute(("%s & pid=$!; for i in $(seq 1000); do [ -s '%s.journal' ] && break; sleep 0.01; done;"
      .. " kill -9 $pid; wait $pid 2>/dev/null"):format(command, growing))
    assert.is_true(cache_helper.exists(growing .. ".partial"))
    for _, suffix in ipairs({ ".partial", ".journal" }) do os.rename(growing .. suffix, twin .. suffix) end
    succeed("neighbors", input, path, "--k", 5, "--center", "--similarities", "--quiet")
    assert.is_true(cache_helper.contents(twin) == cache_helper.contents(folder .. "/whole"))
  end)

  it("never leaves damaged similarities unsaid, and what it says to do keeps the neighbours", function()
    for _, damage in ipairs({
      function() cache_helper.write(twin .. ".json", ("\0"):rep(#cache_helper.contents(twin .. ".json"))) end,
      function() os.remove(twin .. ".json") end,
      function() cache_helper.write(twin, "something else") os.remove(twin .. ".json") end,
    }) do
      compute("--quiet")
      local neighbors = cache_helper.contents(path)
      damage()
      local output, code = run("verify", input, path)
      assert.is_truthy(code ~= 0 and output:find(twin, 1, true), output)
      output, code = run("neighbors", input, path, "--k", k, "--center", "--similarities")
      assert.are.equal(2, code)
      assert.is_truthy(output:find("name another file, or remove it", 1, true), output)
      cache_helper.remove(twin)
      assert.is_truthy(compute():find("already finished: " .. path, 1, true))
      assert.is_true(cache_helper.contents(path) == neighbors)
      assert_as_expected()
    end
  end)

  it("says how to make similarities that are not there", function()
    succeed("neighbors", input, path, "--k", k, "--quiet")
    local cache = vk.load_neighbors_cache(path)
    local _, problem = pcall(cache.similarities, cache, 0)
    assert.is_truthy(problem:find("neighbors --similarities writes it", 1, true), problem)
    cache:close()
  end)
end)
