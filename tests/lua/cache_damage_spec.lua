local cache_helper = require("cache_helper")
local helper = require("helper")

local compute = cache_helper.compute

-- What happens to the files between two runs. Whatever it is, a run ends with the right rows or is
-- refused, and says what it found.
describe("damage to an unfinished cache", function()
  local n, d = 130, 9
  local FLIPS = 40
  local place, path, stopped, done
  local header_bytes, row_bytes
  local random

  setup(function()
    place = cache_helper.workplace(n, d)
    path, stopped = place.folder .. "/cache.npy", place.folder .. "/stopped.npy"
    done = cache_helper.make_partial(place, stopped, 20)
    row_bytes = n * 4
    header_bytes = #place.expected - n * row_bytes
    local seed = os.time()
    math.randomseed(seed)
    random = function(below) return math.random(0, below - 1) end
    print("\nseed " .. seed)
  end)
  teardown(function() cache_helper.remove_folder(place) end)
  before_each(function() cache_helper.copy(stopped, path) end)

  local function partial() return cache_helper.contents(path .. ".partial") end
  local function journal() return cache_helper.contents(path .. ".journal") end

  -- Fails unless a run computes all but the kept rows, gives the right cache, and says words.
  local function assert_repaired(kept, words)
    local text = cache_helper.must_compute(place.input, path)
    assert.is_truthy(text:find(("%d computed now, %d kept"):format(n - kept, kept), 1, true), text)
    if words then assert.is_truthy(text:find(words, 1, true), text) end
    assert.is_true(cache_helper.contents(path) == place.expected, text)
  end

  local function assert_refused(words)
    local before, before_journal = partial(), journal()
    local text, code = compute(place.input, path)
    assert.are.equal(2, code, text)
    assert.is_truthy(text:find(words, 1, true), text)
    assert.is_true(partial() == before and journal() == before_journal)
    cache_helper.must_compute(place.input, path, "--force")
    assert.is_true(cache_helper.contents(path) == place.expected)
  end

  it("that is none changes nothing", function() assert_repaired(done) end)

  it("that cuts NAME.partial", function()
    for _, bytes in ipairs({ 0, 1, header_bytes - 1, header_bytes, header_bytes + 5 * row_bytes + 3 }) do
      cache_helper.copy(stopped, path)
      cache_helper.write(path .. ".partial", partial():sub(1, bytes))
      local rows = math.max(0, math.floor((bytes - header_bytes) / row_bytes))
      assert_repaired(rows, ("is %d bytes long and should be %d"):format(bytes, #place.expected))
    end
    -- Only rows that were not done.
    cache_helper.copy(stopped, path)
    cache_helper.write(path .. ".partial", partial():sub(1, -2))
    assert_repaired(done, "should be")
  end)

  it("that extends NAME.partial", function()
    for _, more in ipairs({ 1, 4096 }) do
      cache_helper.copy(stopped, path)
      cache_helper.write(path .. ".partial", partial() .. ("x"):rep(more))
      assert_repaired(done, ("is %d bytes long"):format(#place.expected + more))
    end
  end)

  it(("that changes one of %d bytes in NAME.partial"):format(FLIPS), function()
    for _ = 1, FLIPS do
      cache_helper.copy(stopped, path)
      local at = random(header_bytes + done * row_bytes)
      cache_helper.flip(path .. ".partial", at, 2 ^ random(8))
      if at < header_bytes then
        assert_repaired(done)
      else
        local row = math.floor((at - header_bytes) / row_bytes)
        assert_repaired(done - 1, ("rows %d do not fit their checksums"):format(row))
      end
    end
  end)

  it("that exchanges two rows of NAME.partial", function()
    local text = partial()
    local function row(k) return text:sub(header_bytes + k * row_bytes + 1, header_bytes + (k + 1) * row_bytes) end
    cache_helper.write(path .. ".partial", text:sub(1, header_bytes) .. row(1) .. row(0)
      .. text:sub(header_bytes + 2 * row_bytes + 1))
    assert_repaired(done - 2, "rows 0 and 1 do not fit")
  end)

  it("that cuts NAME.journal at every byte of its last record", function()
    local whole = journal()
    local kept_lines = whole:match("^(.*\n)[^\n]+\n$")
    cache_helper.write(path .. ".journal", kept_lines)
    local kept = cache_helper.journalled(path)
    for bytes = #kept_lines, #whole - 1 do
      cache_helper.copy(stopped, path)
      cache_helper.write(path .. ".journal", whole:sub(1, bytes))
      assert_repaired(kept, bytes > #kept_lines and "the last line is incomplete" or nil)
    end
  end)

  it(("that changes one of %d bytes in NAME.journal"):format(FLIPS), function()
    local bytes = #journal()
    local largest = 0  -- rows of a record: more than one where the machine was busy
    for count in journal():gmatch('"rows":%[%[%d+,(%d+)%]%]') do largest = math.max(largest, tonumber(count)) end
    assert.is_true(largest > 0)
    for _ = 1, FLIPS do
      cache_helper.copy(stopped, path)
      cache_helper.flip(path .. ".journal", random(bytes), 2 ^ random(8))
      local text = cache_helper.must_compute(place.input, path)
      assert.is_truthy(text:find("damaged lines", 1, true) or text:find("last line is incomplete", 1, true), text)
      -- One record is lost, or two where the line feed between them was hit.
      local kept = tonumber(text:match("(%d+) kept"))
      assert.is_true(kept >= done - 2 * largest, text)
      assert.is_true(cache_helper.contents(path) == place.expected)
    end
  end)

  it("that makes the journal's first line unreadable, where its records prove the input", function()
    cache_helper.flip(path .. ".journal", 40)
    assert_repaired(done, "damaged lines: 1")
  end)

  it("that does so where they prove another", function()
    cache_helper.flip(path .. ".journal", 40)
    local text, code = compute(place.input, path, "--center")
    assert.are.equal(2, code, text)
    assert.is_truthy(text:find("nothing in it shows that it is of these embeddings", 1, true), text)
    assert_repaired(done)
  end)

  it("that empties NAME.journal, or leaves zeros or less than a line of it", function()
    for _, left in ipairs({ "", ("\0"):rep(500), journal():sub(1, 90) }) do
      cache_helper.copy(stopped, path)
      cache_helper.write(path .. ".journal", left)
      assert_repaired(0, path .. ".journal lists no rows")
    end
  end)

  it("that garbles NAME.journal", function()
    cache_helper.write(path .. ".journal", ("garbage\n"):rep(100))
    assert_refused("nothing in it shows")
    cache_helper.copy(stopped, path)
    cache_helper.write(path .. ".journal", ("garbage\n"):rep(100))
    assert.is_nil(compute(place.input, path):find("--force", 1, true))
  end)

  it("that leaves zeros in NAME.lock, or half a file beside it", function()
    cache_helper.write(path .. ".lock", ("\0"):rep(30))
    cache_helper.write(path .. ".journal.Ab12Cd.new", "\0\0garbage")
    cache_helper.write(path .. ".json.Ab12Cd.new", "\0\0garbage")
    assert_repaired(done)
    assert.is_false(cache_helper.exists(path .. ".journal.Ab12Cd.new"))
    assert.is_false(cache_helper.exists(path .. ".json.Ab12Cd.new"))
  end)

  it("that leaves a torn last line of any length is read at once", function()
    local whole = journal()
    cache_helper.write(path .. ".journal", whole .. ("ab"):rep(1000000))
    local time = os.clock()
    local state = require("vk_compute.cache.journal").read(path .. ".journal")
    assert.is_true(os.clock() - time < 1)
    assert.are.same({ true, done }, { state.torn, state.done })
    assert_repaired(done, "the last line is incomplete")
  end)

  it("that gives it the records of another cache", function()
    local other = place.folder .. "/other.npy"
    cache_helper.must_compute(place.input, other, "--center", "--length", "50")
    local pid = cache_helper.start(place.folder .. "/output", place.input, other, "--center", "--force",
      "--batch", "1")
    cache_helper.await(function() return cache_helper.journalled(other) >= 5 end, "rows")
    cache_helper.kill(pid)
    cache_helper.wait(pid)
    os.remove(place.folder .. "/output")
    local own_header = journal():match("^(.-\n)")
    local others_records = cache_helper.contents(other .. ".journal"):match("^.-\n(.*)$")
    cache_helper.write(path .. ".journal", own_header .. others_records)
    assert_repaired(0, "damaged lines")
    cache_helper.remove(other)
  end)

  it("that takes NAME.partial, NAME.journal or both away", function()
    os.remove(path .. ".partial")
    assert_repaired(0, path .. ".partial is missing")
    cache_helper.copy(stopped, path)
    os.remove(path .. ".journal")
    assert_repaired(0, path .. ".partial has no journal")
    cache_helper.remove(path)
    assert_repaired(0)
  end)

  it("that comes when all rows are done keeps the run from computing any", function()
    cache_helper.write(path .. ".partial", place.expected)
    local fields = require("vk_compute.cache.metadata").read(place.finished .. ".json")
    local checksums = {}
    for row = 0, n - 1 do checksums[row] = fields.row_checksums:sub(16 * row + 1, 16 * row + 16) end
    require("vk_compute.cache.journal").create(path .. ".journal", fields, checksums):close()
    local text = cache_helper.must_compute(place.input, path)
    assert.is_nil(text:find("opening", 1, true))
    assert.is_truthy(text:match("device +unknown"), text)
    assert.is_truthy(text:find(("0 computed now, %d kept"):format(n), 1, true), text)
    assert.is_true(cache_helper.contents(path) == place.expected)
    assert.are.equal(0, (select(2, compute(place.input, path, "--verify"))))
  end)

  it("that puts a directory in NAME.partial's place", function()
    os.remove(path .. ".partial")
    helper.execute("mkdir", path .. ".partial")
    local text, code = compute(place.input, path)
    assert.are.equal(2, code, text)
    assert.is_truthy(text:find(path .. ".partial is a directory", 1, true), text)
    helper.execute("rmdir", path .. ".partial")
  end)
end)

describe("damage to a finished cache", function()
  local n, d = 130, 9
  local FLIPS = 500
  local place, path

  setup(function()
    place = cache_helper.workplace(n, d)
    path = place.folder .. "/cache.npy"
  end)
  teardown(function() cache_helper.remove_folder(place) end)
  before_each(function() cache_helper.copy(place.finished, path) end)

  local function verify(...)
    return compute(place.input, path, "--verify", ...)
  end

  local function assert_repairable(words)
    local text, code = verify()
    assert.are.equal(1, code, text)
    assert.is_truthy(text:find(words, 1, true), text)
    local run, run_code = compute(place.input, path)
    assert.are.equal(2, run_code, run)
    -- What it says to do is done as it stands.
    local command = run:match("put it right with (vulkan%-compute verify [^\n]+ %-%-repair)\n")
    assert.is_truthy(command, run)
    text, code = cache_helper.shell(("PATH='%s/bin':$PATH %s"):format(helper.ROOT, command))
    assert.are.equal(0, code, text)
    assert.is_truthy(text:find("repaired", 1, true), text)
    assert.is_true(cache_helper.contents(path) == place.expected)
    text, code = verify()
    assert.are.equal(0, code, text)
  end

  it("that is none is not found", function()
    local text, code = verify()
    assert.are.equal(0, code, text)
    assert.is_truthy(text:find(("%d of %d rows, 16 of them computed again and compared; verified"):format(n, n),
      1, true), text)
  end)

  it("does not come from a stop between the last two steps", function()
    local journal = place.folder .. "/other.npy.journal"
    cache_helper.make_partial(place, place.folder .. "/other.npy", 5)
    cache_helper.write(path .. ".journal", cache_helper.contents(journal))
    cache_helper.remove(place.folder .. "/other.npy")
    local text = cache_helper.must_compute(place.input, path)
    assert.is_truthy(text:find("already finished", 1, true), text)
    assert.is_false(cache_helper.exists(path .. ".journal"))
    assert.is_true(cache_helper.contents(path) == place.expected)
  end)

  it("in rows is named, and repaired on request", function()
    for _, row in ipairs({ 0, 77, n - 1 }) do
      cache_helper.flip(path, #place.expected - (n - row) * n * 4 + 8)
    end
    assert_repairable("checksums do not fit in rows 0, 77 and 129")
  end)

  it("in the header, by cutting and by extending is named, and repaired on request", function()
    cache_helper.flip(path, 20)
    assert_repairable("the header of " .. path .. " is damaged")
    cache_helper.write(path, place.expected:sub(1, -700))
    assert_repairable("checksums do not fit in rows 128 and 129")
    cache_helper.write(path, "")
    assert_repairable(path .. " is 0 bytes long")
    cache_helper.write(path, place.expected .. "x")
    assert_repairable(("is %d bytes long and should be %d"):format(#place.expected + 1, #place.expected))
  end)

  it("in the metadata is refused", function()
    cache_helper.flip(path .. ".json", 100)
    for _, flags in ipairs({ {}, { "--verify" }, { "--verify", "--repair" } }) do
      local text, code = compute(place.input, path, unpack(flags))
      assert.are.equal(flags[1] and 1 or 2, code, text)
      assert.is_truthy(text:find("its checksum does not fit: it is damaged", 1, true), text)
    end
    os.remove(path .. ".json")
    local text, code = verify()
    assert.are.equal(1, code, text)
    assert.is_truthy(text:find("there is no " .. path .. ".json", 1, true), text)
    cache_helper.must_compute(place.input, path, "--force")
    assert.is_true(cache_helper.contents(path) == place.expected)
  end)

  it("in an unfinished one is named too, and those rows are computed by the next run", function()
    local done = cache_helper.make_partial(place, path, 20)
    cache_helper.flip(path .. ".partial", #place.expected - (n - 7) * n * 4 + 8)
    local text, code = verify()
    assert.are.equal(1, code, text)
    assert.is_truthy(text:find("checksums do not fit in rows 7", 1, true), text)
    text, code = verify("--repair")
    assert.are.equal(0, code, text)
    text = cache_helper.must_compute(place.input, path)
    assert.is_truthy(text:find(("%d kept"):format(done - 1), 1, true), text)
    assert.is_true(cache_helper.contents(path) == place.expected)
  end)

  it("that a repair leaves is not said to be put right by one, nor is --force advised", function()
    local metadata = require("vk_compute.cache.metadata")
    local fields = metadata.read(path .. ".json")
    fields.rows_checksum = ("0"):rep(32)
    metadata.write(path .. ".json", fields)
    local text, code = verify()
    assert.are.equal(1, code, text)
    assert.is_truthy(text:find("the checksum of all rows does not fit", 1, true), text)
    assert.is_nil(text:find("puts it right", 1, true), text)
    assert.is_nil(text:find("--force", 1, true), text)
  end)

  it("with fitting checksums shows when rows are computed again", function()
    -- Rows of other embeddings, with all that belongs to them but the identity.
    local context = helper.new()
    context:upload_embeddings(helper.kinds["duplicates"](n, d), n, d)
    local rows = context:compute_all_diversity_sequences({ as = "view" })
    local bytes = require("ffi").string(rows.data, n * n * 4)
    context:shutdown()
    cache_helper.write(path, place.expected:sub(1, -#bytes - 1) .. bytes)
    local metadata = require("vk_compute.cache.metadata")
    local xxhash = require("vk_compute.system.xxhash")
    local fields, checksums = metadata.read(path .. ".json"), {}
    for row = 0, n - 1 do
      checksums[row + 1] = xxhash.hex64(bytes:sub(row * n * 4 + 1, (row + 1) * n * 4), n * 4)
    end
    fields.row_checksums = table.concat(checksums)
    fields.rows_checksum = xxhash.hex128(bytes, #bytes)
    metadata.write(path .. ".json", fields)
    local text, code = verify()
    assert.are.equal(1, code, text)
    assert.is_truthy(text:find("the device computes rows", 1, true), text)
    assert.is_truthy(text:find("Verify with another --device", 1, true), text)
    assert.is_nil(text:find("--repair puts it right", 1, true), text)
    assert.is_nil(text:find("--force", 1, true), text)
  end)

  it("of other embeddings, centring or length is refused by --verify", function()
    for _, flags in ipairs({ { "--center" }, { "--length", "50" } }) do
      local text, code = verify(unpack(flags))
      assert.are.equal(1, code, text)
      assert.is_truthy(text:find("what differs", 1, true), text)
    end
    local text, code = compute(cache_helper.PSALMS, path, "--verify")
    assert.are.equal(1, code, text)
    assert.is_truthy(text:find("the embeddings themselves", 1, true), text)
  end)

  it(("at each of %d random bytes is found by --verify"):format(FLIPS), function()
    -- In a process of its own: what verifies must not have used a device.
    local text, code = helper.run_script(([[
      package.path = %q .. package.path
      local cache_helper = require("cache_helper")
      local cache = require("vk_compute.cache")
      local embedding_file = require("vk_compute.formats.embedding_file")
      local input, path = %q, %q
      local function verify()
        return pcall(cache.verify, {
          path = path, embeddings = embedding_file.read(input), vk = require("vk_compute"),
          report = function() end, stop = function() return 0 end,
        })
      end
      local ok, result = verify()
      assert(ok and not result.problems[1])
      local seed = os.time()
      local files = { path, path .. ".json" }
      local found, in_file = 0, { 0, 0 }
      for k = 1, %d do
        math.randomseed(seed + k)
        local which = math.random() < 0.8 and 1 or 2
        local whole = cache_helper.contents(files[which])
        local at, mask = math.random(0, #whole - 1), 2 ^ math.random(0, 7)
        cache_helper.flip(files[which], at, mask)
        ok, result = verify()
        if not ok or result.problems[1] then
          found = found + 1
          in_file[which] = in_file[which] + 1
        else
          print(("not found: byte %%d of %%s, mask %%d, seed %%d"):format(at, files[which], mask, seed))
        end
        cache_helper.write(files[which], whole)
      end
      print(("found %%d: %%d in rows and header, %%d in metadata"):format(found, in_file[1], in_file[2]))
    ]]):format(helper.ROOT .. "/lua/?.lua;" .. helper.ROOT .. "/tests/lua/?.lua;", place.input, path, FLIPS), {})
    assert.are.equal(0, code, text)
    assert.is_truthy(text:find(("found %d: "):format(FLIPS), 1, true), text)
    print("\n" .. text)
  end)
end)
