local cache_helper = require("cache_helper")
local helper = require("helper")

local compute = cache_helper.compute

describe("compute-diversity-cache.lua", function()
  local n, d = 130, 9
  local place, path, fresh

  setup(function()
    place = cache_helper.workplace(n, d)
    path = place.folder .. "/cache.npy"
    fresh = cache_helper.names(place.folder)
  end)
  teardown(function() cache_helper.remove_folder(place) end)
  before_each(function() cache_helper.remove(path) end)

  local function assert_refused(words, output, code)
    assert.are.equal(2, code, output)
    assert.is_truthy(output:find("error: ", 1, true), output)
    assert.is_truthy(output:find(words, 1, true), ("%q is not in: %s"):format(words, output))
  end

  -- The rows that a context gives, as a file holds them.
  local function rows_of(options, length)
    local context = helper.new()
    context:upload_embeddings(place.embeddings, n, d, options)
    local rows = context:compute_all_diversity_sequences({ length = length, as = "view" })
    local bytes = require("ffi").string(rows.data, n * length * 4)
    context:shutdown()
    helper.assert_no_validation_messages()
    return bytes
  end

  it("makes the rows that the library gives, centred and not, whole and cut", function()
    for _, center in ipairs({ false, true }) do
      for _, length in ipairs({ 1, 100, n }) do
        local flags = { "--length", length }
        if center then flags[3] = "--center" end
        cache_helper.must_compute(place.input, path, unpack(flags))
        local bytes = cache_helper.contents(path)
        local rows = rows_of({ center = center }, length)
        assert.is_true(bytes:sub(-#rows) == rows)
        assert.are.equal(0, (#bytes - #rows) % 64)
        cache_helper.remove(path)
      end
    end
  end)

  it("leaves the cache and its metadata, and nothing else", function()
    cache_helper.must_compute(place.input, path)
    local names = { "cache.npy", "cache.npy.json" }
    for _, name in ipairs(fresh) do names[#names + 1] = name end
    table.sort(names)
    assert.are.same(names, cache_helper.names(place.folder))
  end)

  it("makes a file that NumPy reads", function()
    local output, code = cache_helper.shell(([[
      if [ -x /usr/bin/python3 ] && /usr/bin/python3 -c "import numpy"; then /usr/bin/python3 -c "
import numpy
a = numpy.load('%s', mmap_mode='r')
print(a.dtype.str, a.shape, a.flags.c_contiguous, (a[:, 0] == numpy.arange(%d)).all(), *a[1, :4])
"; else echo no NumPy; fi]]):format(place.finished, n))
    assert.are.equal(0, code, output)
    local header = #place.expected - n * n * 4
    local ids = {}
    for k = 0, 3 do
      ids[k + 1] = place.expected:byte(header + n * 4 + k * 4 + 1)
    end
    assert.are.equal(("<u4 (%d, %d) True True %d %d %d %d\n"):format(n, n, unpack(ids)), output)
  end)

  it("does the same for n = 1 and n = 2", function()
    for small = 1, 2 do
      local input = place.folder .. "/small.npy"
      cache_helper.write_embeddings(input, place.embeddings, small, d)
      cache_helper.must_compute(input, path)
      local ids = small == 1 and "\0\0\0\0" or "\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0"
      assert.are.equal(ids, cache_helper.contents(path):sub(-#ids))
      cache_helper.remove(path)
      os.remove(input)
    end
  end)

  it("runs from any directory, on relative paths", function()
    local output, code = cache_helper.shell(("cd '%s' && luajit '%s' input.npy cache.npy"):format(
      place.folder, cache_helper.COMPUTE))
    assert.are.equal(0, code, output)
    assert.is_true(cache_helper.contents(path) == place.expected)
  end)

  it("says what it did", function()
    local output = cache_helper.must_compute(place.input, path)
    assert.is_truthy(output:find("finished: " .. path, 1, true), output)
    assert.is_truthy(output:find(("rows         %d: %d computed now, 0 kept"):format(n, n), 1, true), output)
    assert.is_truthy(output:match("seconds +%d"), output)
    assert.is_truthy(output:match("rows/second +%d"), output)
    assert.is_truthy(output:match("device +%S"), output)
    local fingerprint = output:match("fingerprint +(%x+)")
    assert.is_truthy(cache_helper.contents(path .. ".json"):find(fingerprint, 1, true))
    -- Not on a terminal: plain lines.
    assert.is_nil(output:find("[\r\27]"))
  end)

  -- The embeddings as JSON, with others between them that have no numbers.
  local function json_of(with_missing)
    local items = {}
    for row = 0, n - 1 do
      local numbers = {}
      for k = 1, d do numbers[k] = ("%.9g"):format(place.embeddings[row * d + k - 1]) end
      items[#items + 1] = ('{"id": "poem %d", "embedding": [%s]}'):format(row, table.concat(numbers, ", "))
      if with_missing and row % 50 == 0 then items[#items + 1] = ('{"id": "empty %d"}'):format(row) end
    end
    return '{"metadata": {}, "embeddings": [' .. table.concat(items, ",\n") .. "]}"
  end

  it("takes the same embeddings in any format for the same", function()
    local input = place.folder .. "/other"
    cache_helper.write(input, json_of(false))
    local output = cache_helper.must_compute(input, path)
    assert.is_truthy(output:find("JSON, 130 embeddings of 9 numbers, of objects with id", 1, true), output)
    assert.is_true(cache_helper.contents(path) == place.expected)

    cache_helper.write(input, require("ffi").string(place.embeddings, n * d * 4))
    for _, size in ipairs({ { "--dim", d }, { "--rows", n } }) do
      output = cache_helper.must_compute(input, path, unpack(size))
      assert.is_truthy(output:find("raw float32, 130 embeddings of 9 numbers", 1, true), output)
      assert.is_truthy(output:find("already finished: " .. path, 1, true), output)
    end
    output = cache_helper.must_compute(place.input, path, "--verify")
    assert.is_truthy(output:find("verified", 1, true), output)
    os.remove(input)
  end)

  it("leaves out items without an embedding only when asked to", function()
    local input = place.folder .. "/other"
    cache_helper.write(input, json_of(true))
    assert_refused('3 of 133 items have no embedding: id "empty 0" (item 1), id "empty 50" (item 52)',
      compute(input, path))
    assert.is_false(cache_helper.exists(path))
    local output = cache_helper.must_compute(input, path, "--skip-missing")
    assert.is_truthy(output:find("Ids are the numbers of the items kept", 1, true), output)
    assert.is_true(cache_helper.contents(path) == place.expected)
    os.remove(input)
  end)

  it("prints nothing with --quiet", function()
    assert.are.equal("", (compute(place.input, path, "--quiet")))
    assert.is_true(cache_helper.contents(path) == place.expected)
  end)

  it("computes nothing where the cache is finished", function()
    cache_helper.must_compute(place.input, path)
    local output = cache_helper.must_compute(place.input, path)
    assert.is_truthy(output:find("already finished: " .. path, 1, true), output)
    assert.is_truthy(output:find("0 computed now", 1, true), output)
  end)

  it("shows what it does before the first rows, and then rows, rate and time left", function()
    local shown = place.folder .. "/output"
    local pid = cache_helper.start(shown, cache_helper.PSALMS, path)
    local text = cache_helper.await(function()
      local now = cache_helper.contents(shown) or ""
      return select(2, now:gsub("ETA", "")) >= 3 and now
    end, "lines of progress")
    cache_helper.kill(pid)
    cache_helper.wait(pid)
    os.remove(shown)
    assert.is_truthy(text:match("^%S+: %.npy of float32, [^\n]*\n"
      .. "opening .-\ncomputing the first rows: .-\n%d+ of 2461 rows"), text)
    assert.is_truthy(text:match("\n%d+ of 2461 rows %([%d.]+ %%%), [%d.]+ rows/s, ETA %d+:%d%d\n"), text)
  end)

  -- ---- What it refuses ---------------------------------------------------------------------------

  it("refuses another input than that of the cache, and says what differs", function()
    local other = place.folder .. "/other.npy"
    local cases = {
      { words = "the embeddings themselves", n = n, d = d, shift = 1 },
      { words = ("n (the cache has %d, asked for is %d)"):format(n, n - 1), n = n - 1, d = d },
      { words = ("d (the cache has %d, asked for is %d)"):format(d, d - 1), n = n, d = d - 1 },
      { words = "centring (the cache has not centred, asked for is centred)", flags = { "--center" } },
      { words = ("length (the cache has %d, asked for is 50)"):format(n), flags = { "--length", "50" } },
    }
    local function try(case)
      local input = place.input
      if case.n then
        cache_helper.write_embeddings(other, place.embeddings + (case.shift or 0), case.n, case.d)
        if case.shift then cache_helper.write_embeddings(other, helper.kinds["duplicates"](n, d), n, d) end
        input = other
      end
      return compute(input, path, unpack(case.flags or {}))
    end
    local function all()
      local before = cache_helper.contents(path) or cache_helper.contents(path .. ".partial")
      local journal = cache_helper.contents(path .. ".journal")
      for _, case in ipairs(cases) do
        assert_refused(case.words, try(case))
        assert.is_true(before == (cache_helper.contents(path) or cache_helper.contents(path .. ".partial")))
        assert.are.equal(journal, cache_helper.contents(path .. ".journal"))
      end
    end
    cache_helper.must_compute(place.input, path)
    all()
    cache_helper.make_partial(place, path, 20)
    all()
    assert.are.equal(0, (select(2, try({ flags = { "--length", "50", "--force" } }))))
    assert.are.equal(n * 50 * 4, #cache_helper.contents(path) % 2 ^ 31
      - (#place.expected - n * n * 4))
    os.remove(other)
  end)

  it("keeps the finished cache until its replacement is complete", function()
    cache_helper.must_compute(place.input, path)
    local pid = cache_helper.start(place.folder .. "/output", place.input, path, "--center", "--force",
      "--batch", "1")
    cache_helper.await(function() return cache_helper.journalled(path) >= 3 end, "rows")
    cache_helper.kill(pid)
    cache_helper.wait(pid)
    os.remove(place.folder .. "/output")
    assert.is_true(cache_helper.contents(path) == place.expected)
    -- Going on needs no second --force: the journal says what is meant.
    local output = cache_helper.must_compute(place.input, path, "--center")
    assert.is_truthy(output:match("finished: "), output)
    assert.is_false(cache_helper.contents(path) == place.expected)
    assert_refused("centring", compute(place.input, path))
  end)

  it("refuses a second writer, and names the first", function()
    local pid = cache_helper.start(place.folder .. "/output", cache_helper.PSALMS, path)
    cache_helper.await(function() return cache_helper.exists(path .. ".journal") end, "a journal")
    local output, code = compute(cache_helper.PSALMS, path)
    local repair, repair_code = compute(cache_helper.PSALMS, path, "--verify", "--repair")
    cache_helper.kill(pid)
    cache_helper.wait(pid)
    os.remove(place.folder .. "/output")
    assert_refused(("process %d is writing"):format(pid), output, code)
    assert_refused(("process %d is writing"):format(pid), repair, repair_code)
    -- The lock of the dead process is no obstacle.
    assert.is_true(cache_helper.exists(path .. ".lock"))
    cache_helper.must_compute(place.input, path, "--force")
    assert.is_true(cache_helper.contents(path) == place.expected)
  end)

  it("refuses paths where no cache can be, before it computes", function()
    assert_refused("is a directory: name a file", compute(place.input, place.folder))
    assert_refused("there is no directory", compute(place.input, place.folder .. "/none/cache.npy"))
    assert_refused("holds the embeddings", compute(place.input, place.input))
    assert_refused("holds the embeddings", compute(place.input, place.input, "--force"))
    cache_helper.write(path, "what somebody else wrote")
    assert_refused("is a file of 24 bytes, not a cache: name another file, or replace it with --force",
      compute(place.input, path))
    assert.are.equal("what somebody else wrote", cache_helper.contents(path))
  end)

  it("refuses a read-only directory, before it computes", function()
    local folder = place.folder .. "/readonly"
    helper.execute("mkdir", folder)
    helper.execute("chmod", "555", folder)
    -- Root may write anywhere, unless it gives that right up.
    local as_others = require("posix.unistd").geteuid() == 0
      and "setpriv --bounding-set=-dac_override,-dac_read_search " or ""
    local output, code = cache_helper.shell(("%sluajit '%s' '%s' '%s/cache.npy'"):format(as_others,
      cache_helper.COMPUTE, place.input, folder))
    local left = cache_helper.names(folder)
    helper.execute("rm", "-rf", folder)
    assert_refused("cannot write in " .. folder .. ": ", output, code)
    assert.is_truthy(output:find("Permission denied", 1, true), output)
    assert.is_nil(output:find("opening"))
    assert.are.same({}, left)
  end)

  it("refuses wrong use", function()
    for _, case in ipairs({
      { "missing argument" }, { "missing argument", "a.npy" },
      { "is not an integer from 1 to", "a.npy", "b.npy", "--length", "0" },
      { "is not an integer from 1 to", "a.npy", "b.npy", "--batch", "x" },
      { "unknown option", "a.npy", "b.npy", "--centre-it" },
      { "goes with --verify", "a.npy", "b.npy", "--repair" },
    }) do
      local output, code = compute(unpack(case, 2))
      assert.are.equal(2, code, output)
      assert.is_truthy(output:find(case[1], 1, true), output)
    end
    assert_refused("--length 131 is more than", compute(place.input, path, "--length", n + 1))
    assert_refused("No such file", compute(place.folder .. "/none.npy", path))
    assert_refused("VKC_ERROR_NO_SUCH_DEVICE", compute(place.input, path, "--device", "no such"))
    local nan = place.folder .. "/nan.npy"
    place.embeddings[5 * d + 2] = 0 / 0
    cache_helper.write_embeddings(nan, place.embeddings, n, d)
    place.embeddings[5 * d + 2] = 0
    assert_refused("row 5, column 2", compute(nan, path))
    os.remove(nan)
    -- None of these leaves anything.
    assert.are.same(fresh, cache_helper.names(place.folder))
  end)
end)
