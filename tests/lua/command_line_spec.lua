-- vulkan-compute: what its commands write, refuse and return.

local cjson = require("cjson")
local ffi = require("ffi")
local signal = require("posix.signal")
local unistd = require("posix.unistd")
local cache_helper = require("cache_helper")
local helper = require("helper")

local PROGRAM = helper.ROOT .. "/bin/vulkan-compute"
local COMMANDS = {
  "devices", "plan", "diversity-sequence", "similarity", "cache", "neighbors", "check", "verify",
  "merge", "export", "report", "explore",
}

describe("vulkan-compute", function()
  local n, d = 130, 9
  local place, path, folder

  setup(function() place = cache_helper.workplace(n, d) end)
  teardown(function() cache_helper.remove_folder(place) end)

  before_each(function()
    folder = helper.temporary_folder()
    path = folder .. "/out.npy"
  end)
  after_each(function() helper.execute("rm", "-rf", folder) end)

  -- Runs it: standard output, exit code, standard error.
  local function run(...)
    local errors = place.folder .. "/errors"
    local output, code = cache_helper.shell(helper.quoted(PROGRAM, ...) .. " 2>'" .. errors .. "'")
    local text = cache_helper.contents(errors)
    os.remove(errors)
    return output, code, text
  end

  -- Results, and the notes and progress of standard error.
  local function succeed(...)
    local output, code, errors = run(...)
    assert.are.equal(0, code, output .. errors)
    return output, errors
  end

  -- One document, and nothing else.
  local function document(...)
    local output, errors = succeed(...)
    assert.are.equal("", errors)
    assert.are.equal(1, select(2, output:gsub("\n", "")), output)
    return cjson.decode(output)
  end

  -- One line says what is wrong.
  local function fail(words, ...)
    local output, code, errors = run(...)
    -- What the embeddings were found to be may have been told by then.
    errors = errors:gsub("^[^\n]+, [%d,]+ embeddings of [%d,]+ number[^\n]*\n", "")
    assert.are.same({ "", 2 }, { output, code }, output .. errors)
    assert.is_truthy(errors:match("^error: [^\n]+\n$"), errors)
    assert.is_truthy(errors:find(words, 1, true), ("%q is not in: %s"):format(words, errors))
  end

  local function start(output, ...)
    local words = { ... }
    local pid = assert(unistd.fork())
    if pid == 0 then
      local fcntl = require("posix.fcntl")
      local fd = fcntl.open(output, fcntl.O_WRONLY + fcntl.O_CREAT, tonumber("644", 8))
      unistd.dup2(fd, 1)
      unistd.dup2(fd, 2)
      unistd.execp(PROGRAM, words)
      unistd._exit(127)
    end
    return pid
  end

  -- What the library gives for the embeddings, centred or not.
  local function with_context(center, compute)
    local context = helper.new()
    context:upload_embeddings(place.embeddings, n, d, { center = center })
    local result = compute(context)
    context:shutdown()
    helper.assert_no_validation_messages()
    return result
  end

  -- ---- devices -------------------------------------------------------------------------------------

  it("devices lists what the library lists", function()
    local listed = require("vk_compute").list_devices()
    assert.are.same({ devices = listed }, document("devices", "--json"))
    local text = succeed("devices")
    for _, device in ipairs(listed) do
      assert.is_truthy(text:find(("%d  %s\n"):format(device.index, device.name), 1, true), text)
    end
    assert.is_truthy(text:find("\n   usable\n"), text)
  end)

  it("devices says so where there is no driver", function()
    local output, code = cache_helper.shell("VK_DRIVER_FILES=/none VK_ICD_FILENAMES=/none "
      .. helper.quoted(PROGRAM, "devices", "--json"))
    assert.are.equal(2, code, output)
    assert.is_truthy(output:match("^error: [^\n]+\n$"), output)
  end)

  -- ---- diversity-sequence --------------------------------------------------------------------------

  it("diversity-sequence gives the library's, as text and as JSON", function()
    for _, case in ipairs({ { start = 0 }, { start = n - 1, center = true }, { start = 7, length = 1 },
      { start = 7, length = 100, center = true } }) do
      local length = case.length or n
      local expected = with_context(case.center, function(context)
        return context:compute_diversity_sequences({ case.start }, length)[1]
      end)
      local words = { "diversity-sequence", place.input, "--start", case.start }
      if case.length then words[#words + 1] = "--length=" .. case.length end
      if case.center then words[#words + 1] = "--center" end
      assert.are.equal(table.concat(expected, "\n") .. "\n", succeed(unpack(words)))
      words[#words + 1] = "--json"
      local answer = document(unpack(words))
      assert.are.same(expected, answer.sequence)
      assert.are.same({ case.start, n, d, length, case.center or false, 1 }, { answer.start, answer.n,
        answer.d, answer.length, answer.centered, answer.definition_version })
      assert.is_truthy(answer.device:find("%S"))
    end
  end)

  it("takes embeddings of any format, and tells what it found", function()
    local lists = {}
    for row, values in ipairs(helper.nested(place.embeddings, n, d)) do
      for k, value in ipairs(values) do values[k] = ("%.9g"):format(value) end
      lists[row] = "[" .. table.concat(values, ",") .. "]"
    end
    local input = folder .. "/ollama.json"
    cache_helper.write(input, '{"embeddings": [' .. table.concat(lists, ",") .. "]}")
    local answer = document("diversity-sequence", input, "--start", 3, "--json")
    assert.are.same(document("diversity-sequence", place.input, "--start", 3, "--json").sequence, answer.sequence)
    assert.is_truthy(answer.input:find("JSON, 130 embeddings of 9 numbers", 1, true), answer.input)
    local _, notes = succeed("cache", input, path)
    assert.is_truthy(notes:find(input .. ": JSON, 130 embeddings of 9 numbers", 1, true), notes)
    assert.is_true(cache_helper.contents(path) == place.expected)

    cache_helper.write(input, '{"embeddings": [' .. table.concat(lists, ",") .. ",null]}")
    fail("130", "similarity", input, path .. ".s")
    assert.are.equal(n, document("similarity", input, path .. ".s", "--skip-missing", "--json").n)
    local raw = folder .. "/raw.bin"
    cache_helper.write(raw, ffi.string(place.embeddings, n * d * 4))
    assert.are.equal(n, document("diversity-sequence", raw, "--dim", d, "--start", 3, "--json").n)
  end)

  it("diversity-sequence names what is wrong with its input, and where", function()
    fail(("--start %d: %s holds %d embeddings, with indices from 0 to %d"):format(n, place.input, n, n - 1),
      "diversity-sequence", place.input, "--start", n)
    fail(("--length %d is more than the %d embeddings of %s"):format(n + 1, n, place.input),
      "diversity-sequence", place.input, "--start", 0, "--length", n + 1)
    fail("cannot open /none.npy: No such file", "diversity-sequence", "/none.npy", "--start", 0)
    fail("no device matches 'none'", "diversity-sequence", place.input, "--start", 0, "--device", "none")
    local nan = folder .. "/nan.npy"
    local spoilt = ffi.new("float[?]", n * d)
    spoilt[5 * d + 2] = 0 / 0
    cache_helper.write_embeddings(nan, spoilt, n, d)
    fail(nan .. ": ", "diversity-sequence", nan, "--start", 0, "--json")
    fail("NaN", "similarity", nan, path)
    assert.is_false(cache_helper.exists(path))
  end)

  -- ---- similarity ----------------------------------------------------------------------------------

  local function matrix_bytes(center)
    return with_context(center, function(context)
      return ffi.string(context:compute_similarity_matrix({ as = "view" }).data, n * n * 4)
    end)
  end

  it("similarity writes the matrix, centred and not, in place of an earlier one", function()
    for _, center in ipairs({ false, true }) do
      local text = succeed("similarity", place.input, path, center and "--center" or nil)
      assert.is_truthy(text:find("finished: " .. path, 1, true), text)
      local bytes, expected = cache_helper.contents(path), matrix_bytes(center)
      assert.is_true(bytes:sub(-#expected) == expected)
      assert.are.equal(0, (#bytes - #expected) % 64)
      assert.is_truthy(bytes:find(("'<f4', 'fortran_order': False, 'shape': (%d, %d)"):format(n, n), 1, true))
      assert.are.same({ "out.npy" }, cache_helper.names(folder))
    end
    assert.are.same({ "", "" }, { succeed("similarity", place.input, path, "--quiet") })
    local answer = document("similarity", place.input, path, "--json")
    assert.are.same({ path, n, d, false, "float32", #cache_helper.contents(path) }, { answer.path,
      answer.n, answer.d, answer.centered, answer.dtype, answer.bytes })
  end)

  it("similarity writes a file that NumPy reads, of one item too", function()
    cache_helper.write_embeddings(folder .. "/one.npy", place.embeddings, 1, d)
    succeed("similarity", folder .. "/one.npy", folder .. "/matrix.npy")
    succeed("similarity", cache_helper.PSALMS, path)
    local output, code = cache_helper.shell(([[/usr/bin/python3 -c "
import numpy
one, a = numpy.load('%s/matrix.npy'), numpy.load('%s', mmap_mode='r')
print(one.tolist(), a.dtype.str, a.shape, (a == a.T).all(), (a.diagonal() == 1).all())
"]]):format(folder, path))
    assert.are.same({ "[[1.0]] <f4 (2461, 2461) True True\n", 0 }, { output, code })
  end)

  it("similarity takes the place of nothing that is not its own", function()
    local input = folder .. "/input.npy"
    cache_helper.write_embeddings(input, place.embeddings, n, d)
    fail("holds the embeddings", "similarity", input, input)
    cache_helper.copy(place.finished, path)
    fail("is a cache", "similarity", input, path)
    assert.is_true(cache_helper.contents(path) == place.expected)
    fail("is a directory: name a file", "similarity", input, folder)
    fail("there is no directory " .. folder .. "/none", "similarity", input, folder .. "/none/out.npy")
  end)

  it("similarity that does not fit on the disk says so before it computes, and keeps what was there", function()
    succeed("similarity", place.input, path, "--center")
    local earlier = cache_helper.contents(path)
    -- Files limited in size stand for the disk: in this shell's units of 512 bytes.
    local command = helper.quoted(PROGRAM, "similarity", place.input, path, "--quiet")
    local output, code = cache_helper.shell("ulimit -f 100; " .. command)
    assert.are.equal(2, code, output)
    assert.is_truthy(output:match("^error: cannot reserve %d+ bytes for [^\n]+: File too large\n$"), output)
    assert.is_true(cache_helper.contents(path) == earlier)
    assert.are.same({ "out.npy" }, cache_helper.names(folder))
  end)

  -- Whether a file is there that is being written, or was left.
  local function is_being_written()
    return table.concat(cache_helper.names(folder), "\n"):find("%.new%f[\n%z]") ~= nil
  end

  it("similarity that is interrupted leaves nothing", function()
    for _, number in ipairs({ signal.SIGINT, signal.SIGTERM }) do
      local output = place.folder .. "/output"
      local how, code
      for _ = 1, 5 do -- on a busy machine it may be done before it is interrupted
        local pid = start(output, "similarity", cache_helper.PSALMS, path)
        cache_helper.await(is_being_written, "a file")
        cache_helper.kill(pid, number)
        how, code = cache_helper.wait(pid)
        if code ~= 0 then break end
        os.remove(path)
      end
      assert.are.same({ "exited", 128 + number }, { how, code })
      assert.is_truthy(cache_helper.contents(output):find("error: stopped: " .. path .. " was not written\n", 1, true))
      assert.are.same({}, cache_helper.names(folder))
      os.remove(output)
    end
  end)

  it("similarity refuses a second writer, and minds no dead one", function()
    local output = place.folder .. "/output"
    local pid = start(output, "similarity", cache_helper.PSALMS, path)
    cache_helper.await(is_being_written, "a file")
    cache_helper.kill(pid, signal.SIGSTOP)
    fail(("process %d is writing %s"):format(pid, path), "similarity", place.input, path)
    cache_helper.kill(pid)
    cache_helper.wait(pid)
    os.remove(output)
    assert.is_true(is_being_written())
    succeed("similarity", place.input, path)
    assert.are.same({ "out.npy" }, cache_helper.names(folder))
    assert.is_true(cache_helper.contents(path):sub(-n * n * 4) == matrix_bytes(false))
  end)

  -- ---- cache, check, verify, export ----------------------------------------------------------------

  it("cache makes the same file as compute-diversity-cache.lua", function()
    local text = succeed("cache", place.input, path)
    assert.is_truthy(text:find("finished: " .. path, 1, true), text)
    assert.is_true(cache_helper.contents(path) == place.expected)
    local answer = document("cache", place.input, path, "--json")
    assert.are.same({ "already finished", path, n, n, n, 0, {} }, { answer.outcome, answer.path,
      answer.total, answer.done, answer.kept, answer.computed, answer.notices })
    fail("centring", "cache", place.input, path, "--center", "--json")
  end)

  it("cache --json tells of a stop, and of what was put right", function()
    local output = place.folder .. "/output"
    local pid = start(output, "cache", place.input, path, "--batch", "1", "--json")
    cache_helper.await(function() return cache_helper.journalled(path) >= 5 end, "rows")
    cache_helper.kill(pid, signal.SIGINT)
    assert.are.same({ "exited", 130 }, { cache_helper.wait(pid) })
    local answer = cjson.decode(cache_helper.contents(output))
    os.remove(output)
    local done = cache_helper.journalled(path)
    assert.are.same({ "stopped", done, n }, { answer.outcome, answer.done, answer.total })
    -- The last line is torn: its row is computed again.
    local journal = cache_helper.contents(path .. ".journal")
    cache_helper.write(path .. ".journal", journal:sub(1, -3))
    answer = document("cache", place.input, path, "--json")
    assert.are.same({ "finished", done - 1, n - done + 1 }, { answer.outcome, answer.kept, answer.computed })
    assert.is_truthy(answer.notices[1]:find("the last line is incomplete", 1, true))
    assert.is_true(cache_helper.contents(path) == place.expected)
  end)

  it("neighbors makes a cache of them, which the other commands take", function()
    local expected = with_context(true, function(context)
      local ids = context:compute_nearest_neighbors(7, { as = "view", similarities = false })
      return ffi.string(ids.data, n * 7 * 4)
    end)
    local answer = document("neighbors", place.input, path, "--k", 7, "--center", "--json")
    assert.are.same({ "finished", n, n }, { answer.outcome, answer.total, answer.computed })
    assert.is_true(cache_helper.contents(path):sub(-#expected) == expected)
    assert.are.equal("finished", document("check", path, "--json").state)
    assert.are.equal("verified", document("verify", place.input, path, "--json").outcome)
    succeed("export", path, folder .. "/out.json")
    local exported = cjson.decode(cache_helper.contents(folder .. "/out.json"))
    assert.are.equal(7, #exported.neighbors["0"])
    fail("kind (the cache has nearest neighbours", "cache", place.input, path, "--length", 7, "--center")
  end)

  it("check tells what check-diversity-progress.lua tells", function()
    local finished = place.finished
    assert.are.equal((cache_helper.run(cache_helper.CHECK, finished)), succeed("check", finished))
    local status = document("check", finished, "--json")
    assert.are.same({ "finished", n, {} }, { status.state, status.done, status.problems })
    local output, code = run("check", path, "--json")
    assert.are.same({ { path = path, state = "missing", problems = {} }, 1 }, { cjson.decode(output), code })
  end)

  it("verify finds damage and repairs it", function()
    cache_helper.copy(place.finished, path)
    local text = succeed("verify", place.input, path)
    assert.is_truthy(text:match("; verified\n$"), text)
    local answer = document("verify", place.input, path, "--json")
    assert.are.same({ "verified", {}, {} }, { answer.outcome, answer.problems, answer.damaged })

    cache_helper.flip(path, #place.expected - n * 4 * (n - 5) + 4)
    local output, code, errors = run("verify", place.input, path, "--json")
    assert.are.same({ 1, "" }, { code, errors })
    answer = cjson.decode(output)
    assert.are.same({ "damaged", { 5 } }, { answer.outcome, answer.damaged })
    output, code = run("verify", place.input, path)
    assert.are.equal(1, code)
    assert.is_truthy(output:find("PROBLEM: checksums do not fit in rows 5\n", 1, true), output)

    answer = document("verify", place.input, path, "--repair", "--json")
    assert.are.same({ "repaired", { 5 }, {} }, { answer.outcome, answer.damaged, answer.remaining })
    assert.is_true(cache_helper.contents(path) == place.expected)
    output, code = run("verify", cache_helper.PSALMS, path)
    assert.are.equal(1, code)
    assert.is_truthy(output:find("what differs: n", 1, true), output)
    assert.is_truthy(output:find("; it is not the cache of these embeddings", 1, true), output)
    assert.are.equal(output, (run("verify", cache_helper.PSALMS, path, "--repair")))
    output, code, errors = run("verify", place.input, folder .. "/none.npy")
    assert.are.same({ "", 1 }, { output, code })
    assert.is_truthy(errors:find("there is no cache", 1, true), errors)
  end)

  it("verify takes the order of release 0.1, and says which it is now", function()
    local NOTE = "note: the order is now EMBEDDINGS CACHE, as for the other commands\n"
    cache_helper.copy(place.finished, path)
    local expected = succeed("verify", place.input, path)
    local output, notes = succeed("verify", path, place.input)
    assert.are.equal(expected, output)
    assert.are.equal(1, select(2, notes:gsub(NOTE, "")), notes)
    assert.is_falsy(select(2, succeed("verify", place.input, path)):find(NOTE, 1, true))
    -- One that is not finished, too; there the file named is not there.
    local growing = place.folder .. "/growing.npy"
    cache_helper.make_partial(place, growing, 20)
    notes = select(2, succeed("verify", growing, place.input))
    assert.is_truthy(notes:find(NOTE, 1, true), notes)
    cache_helper.remove(growing)
    assert.are.same({ "", "" }, { succeed("verify", path, place.input, "--quiet") })
  end)

  it("verify tells apart what is not well and what it could not do", function()
    cache_helper.copy(place.finished, path)
    local function code_of(...) return (select(2, run("verify", ...))) end
    assert.are.equal(0, code_of(place.input, path))
    assert.are.equal(1, code_of(cache_helper.PSALMS, path))
    assert.are.equal("other", cjson.decode((run("verify", cache_helper.PSALMS, path, "--json"))).outcome)
    assert.are.equal(2, code_of(place.input, path, "--device", "none"))
    assert.are.equal(2, code_of(folder .. "/none", path))
    assert.are.equal(1, code_of(place.input, folder .. "/none"))
    assert.are.equal(2, code_of(place.input))
    cache_helper.flip(path .. ".json", 90)
    assert.are.equal(1, code_of(place.input, path))
  end)

  it("--status, --verify and --repair of cache and neighbors go on working, unsaid", function()
    cache_helper.copy(place.finished, path)
    for _, command in ipairs({ "cache", "neighbors" }) do
      local help = succeed(command, "--help")
      for _, alias in ipairs({ "status", "verify", "repair" }) do
        assert.is_falsy(help:find("--" .. alias, 1, true), help)
      end
    end
    assert.are.equal(succeed("check", path), succeed("cache", place.input, path, "--status"))
    assert.is_truthy(succeed("cache", place.input, path, "--verify"):find("; verified\n", 1, true))
    cache_helper.flip(path, #place.expected - 3)
    assert.is_truthy(succeed("cache", place.input, path, "--verify", "--repair"):find("; repaired\n", 1, true))
    assert.is_true(cache_helper.contents(path) == place.expected)
  end)

  it("results go to standard output, progress and notes to standard error", function()
    local output, notes = succeed("cache", place.input, path)
    assert.is_truthy(output:find("^finished: "), output)
    assert.is_truthy(notes:find("opening the device", 1, true), notes)
    assert.is_falsy(notes:find("finished", 1, true), notes)
    output, notes = succeed("verify", place.input, path)
    assert.are.equal(1, select(2, output:gsub("\n", "")), output)
    assert.is_truthy(notes:find("^[^\n]+ embeddings of "), notes)
    output, notes = succeed("similarity", place.input, path .. ".s")
    assert.is_truthy(output:find("^finished: "), output)
    assert.is_truthy(notes:find("of 130 rows", 1, true), notes)
  end)

  it("export writes what export-diversity-cache.lua writes, and never over the cache", function()
    local by_script = folder .. "/script.json"
    assert.are.same({ "", 0 }, { cache_helper.run(cache_helper.EXPORT, place.finished, by_script) })
    assert.are.same({ "", "" }, { succeed("export", place.finished, folder .. "/out.json") })
    local text = cache_helper.contents(folder .. "/out.json")
    assert.is_true(text == cache_helper.contents(by_script))
    local answer = document("export", place.finished, folder .. "/out.bin", "--binary", "--json")
    assert.are.same({ "binary", 4 + n * n * 4 }, { answer.format, answer.bytes })

    cache_helper.copy(place.finished, path)
    local metadata = cache_helper.contents(path .. ".json")
    fail(path .. ".json belongs to the cache", "export", path, path .. ".json")
    fail(path .. " belongs to the cache", "export", path, path, "--binary")
    assert.is_true(cache_helper.contents(path) == place.expected)
    assert.is_true(cache_helper.contents(path .. ".json") == metadata)
  end)

  -- ---- All of them ---------------------------------------------------------------------------------

  it("refuses wrong use with the usage of the command and exit code 2", function()
    for _, case in ipairs({
      { "a command is required" },
      { "unknown command 'walk'", "walk" },
      { "missing argument 'EMBEDDINGS'", "cache" },
      { "missing option '--start'", "diversity-sequence", "a.npy" },
      { "is not an integer from 1 to 4294967295", "diversity-sequence", "a.npy", "--start", "1", "--length", "0" },
      { "'4294967296' is not an integer from 1 to 4294967295", "similarity", "a.npy", "b.npy", "--dim", "4294967296" },
      { "'1e3' is not an integer from", "plan", "--rows", "1e3", "--dim", "8" },
      { "'0x10' is not an integer from", "plan", "--rows", "0x10", "--dim", "8" },
      { "--lambda: '-0.1' is not a number from 0 to 1", "cache", "a.npy", "b.npy", "--lambda", "-0.1" },
      { "--picks: '-1' is not an integer from", "report", "a.npy", "b.npy", "--picks", "-1" },
      { "unknown option '-1'", "cache", "a.npy", "-1" },
      { "'--start' must be used 1 time", "diversity-sequence", "a.npy", "--start", "1", "--start", "2" },
      { "'--length' must be used at most 1 time", "cache", "a.npy", "b.npy", "--length", "1", "--length=2" },
      { "unknown command 'a\\nb'", "a\nb" },
      { "unknown option '--centre'", "similarity", "a.npy", "b.npy", "--centre" },
      { "--repair goes with --verify", "cache", "a.npy", "b.npy", "--repair" },
      { "too many arguments", "check", "a.npy", "b.npy" },
      { "ends in .json", "export", "a.npy", "b.txt" },
    }) do
      local output, code, errors = run(unpack(case, 2))
      assert.are.same({ "", 2 }, { output, code }, output .. errors)
      assert.is_truthy(errors:find(case[1], 1, true), errors)
    end
  end)

  it("explains itself: --help of every command tells its exit codes", function()
    local text = succeed("--help")
    for _, command in ipairs(COMMANDS) do
      assert.is_truthy(text:find("\n   " .. command .. " ", 1, true), text)
      local help = succeed(command, "--help")
      assert.is_truthy(help:find("Exit codes: 0 ", 1, true), help)
    end
    local _, listed = text:match("Commands:\n(.-)\n\n"):gsub("\n   %l", "")
    assert.are.equal(#COMMANDS - 1, listed)
    assert.is_truthy(text:find("counted from 0", 1, true), text)
  end)

  it("plan tells what memory work takes, and by its exit code whether that fits", function()
    local plan = document("plan", "--rows", 2461, "--dim", 512, "--length", 100, "--json")
    assert.is_true(plan.fits)
    assert.is_true(plan.matrix_bytes >= 4 * 2461 ^ 2 and plan.matrix_bytes < 4.3 * 2461 ^ 2)
    assert.are.equal(plan.device_bytes, plan.embeddings_bytes + plan.matrix_bytes + plan.work_bytes)
    local text = succeed("plan", "--rows", 2461, "--dim", 512, "--work", "upload")
    assert.is_truthy(text:find("^memory: at most [%d.]+ MB of the device .+ available\n$"), text)
    assert.are.equal("matrix", plan.way)
    text = succeed("plan", "--rows", 30000, "--dim", 512, "--count", 1, "--length", 10)
    local way = "\nway: by the filter, without a similarity matrix; about [%d.]+ s of computing, an estimate\n$"
    assert.is_truthy(text:find(way), text)
    text = succeed("plan", "--rows", 40000, "--dim", 512)
    -- By the matrix or without it, as the driver has room.
    assert.is_truthy(text:find("; about %d+ [hd]%l+s of computing, an estimate\n$"), text)
    local output, code = run("plan", "--rows", 20000000, "--dim", 4096)
    assert.are.equal(1, code)
    assert.is_truthy(output:find("does not fit", 1, true), output)
  end)

  it("tells what memory a cache takes before it computes, and refuses what does not fit", function()
    local _, notes = succeed("cache", place.input, path)
    assert.is_truthy(notes:find("\nmemory: at most .-\ncomputing the first rows: "), notes)
    local many = folder .. "/many.f32"
    helper.execute("truncate", "-s", "160000000", many)
    local _, code, errors = run("cache", many, folder .. "/many.npy", "--dim", "1", "--length", "2")
    assert.are.equal(2, code)
    assert.is_truthy(errors:find("memory: at most [%d.]+ GB of the device"), errors)
    assert.is_truthy(errors:find("does not fit", 1, true), errors)
  end)

  it("prints the results that are asked for, and nothing else, with --quiet", function()
    for _, words in ipairs({ { "neighbors", place.input, "--of", 3 }, { "similarity", place.input, "--between", 0, 1 },
      { "report", place.input, place.finished }, { "report", place.input } }) do
      words[#words + 1] = "--quiet"
      local output, errors = succeed(unpack(words))
      assert.are.equal("", errors)
      assert.is_truthy(output:find("^%s*%g"), words[1])
    end
    assert.are.same({ "", "" }, { succeed("cache", place.input, path, "--quiet") })
  end)

  it("tells its version", function()
    assert.are.equal(("vulkan-compute %s (definition 1)\n"):format(require("vk_compute").version()),
      (succeed("--version")))
  end)

  it("has a manual that tells of every command and option, and is well formed", function()
    local manual = helper.ROOT .. "/man/vulkan-compute.1"
    assert.are.same({ "", 0 }, { cache_helper.shell("mandoc -T lint -W warning '" .. manual .. "'") })
    local text = cache_helper.contents(manual):gsub("\\%-", "-")
    for _, command in ipairs(COMMANDS) do
      assert.is_truthy(text:find("\n.SY vulkan-compute\n.B " .. command .. "\n", 1, true), command)
      for option in succeed(command, "--help"):gmatch("\n   %-%-([%l-]+)") do
        assert.is_truthy(text:find("\n%.TP\n%.BI? %-%-" .. option:gsub("%-", "%%-") .. "[ \n]"), option)
      end
    end
  end)

  it("runs from any directory, through a link, and by PATH", function()
    helper.execute("ln", "-s", PROGRAM, folder .. "/linked")
    helper.execute("ln", "-s", "linked", folder .. "/twice")
    local expected = succeed("--version")
    for _, command in ipairs({ "cd / && '%s/twice' --version", "cd '%s' && ./linked --version",
      "cd / && PATH='%s:'$PATH twice --version", "cd '%s/..' && luajit '" .. PROGRAM .. "' --version" }) do
      assert.are.same({ expected, 0 }, { cache_helper.shell(command:format(folder)) })
    end
  end)

  -- The exit code of vulkan-compute with a reader that ends at once, and all that is on standard error.
  local function unread(command, reader)
    local output, code = cache_helper.shell(([[bash -c "%s | %s >/dev/null; exit \${PIPESTATUS[0]}"]])
      :format(command, reader))
    assert.are.equal("", output)
    return code
  end

  it("ends without a word where nobody reads", function()
    local command = helper.quoted(PROGRAM, "diversity-sequence", place.input, "--start", 0, "--device", 0)
    assert.are.equal(141, unread(command, "true"))
    assert.are.equal(141, unread(command .. " --json", "true"))
    assert.are.equal(141, unread("trap '' PIPE; " .. command, "true"))
  end)

  it("stops a cache where nobody reads its progress, and keeps the rows", function()
    local cache = helper.quoted(PROGRAM, "cache", cache_helper.PSALMS, path, "--batch", 1)
    assert.are.equal(141, unread(cache .. " 2>&1", "grep -m 1 'of 2461 rows'"))
    local status = document("check", path, "--json")
    assert.are.equal("stopped", status.state)
    assert.is_true(status.done > 0)
    local similarity = helper.quoted(PROGRAM, "similarity", cache_helper.PSALMS, path .. ".s")
    assert.are.equal(141, unread(similarity .. " 2>&1", "true"))
    assert.is_false(cache_helper.exists(path .. ".s") or is_being_written())
  end)

  it("fails where standard output cannot be written", function()
    for _, words in ipairs({ { "devices" }, { "devices", "--json" }, { "check", place.finished },
      { "--help" }, { "cache", "--help" }, { "--version" },
      { "diversity-sequence", place.input, "--start", 3, "--device", 0 } }) do
      local output, code = cache_helper.shell(helper.quoted(PROGRAM, unpack(words)) .. " >/dev/full")
      assert.are.same({ "error: cannot write to standard output: No space left on device\n", 2 }, { output, code })
    end
  end)

  it("shows a name with control characters on one line", function()
    local strange = folder .. "/a\nb\27[1m\127.npy"
    local shown = folder .. "/a\\nb\\x1b[1m\\x7f.npy"
    fail("cannot open " .. shown, "diversity-sequence", strange, "--start", 0)
    fail("there is no cache " .. shown, "export", strange, folder .. "/out.json")
    local output = run("check", strange)
    assert.is_truthy(output:find("^[^\n]*" .. shown:gsub("%p", "%%%0") .. ": missing\n"), output)
    cache_helper.write_embeddings(strange, place.embeddings, 5, d)
    local text, notes = succeed("cache", strange, strange .. ".c")
    assert.is_truthy(notes:find("^" .. shown:gsub("%p", "%%%0") .. ": %.npy of float32"), notes)
    assert.is_truthy(text:find("finished: " .. shown .. ".c\n", 1, true), text)
    text = succeed("verify", strange, strange .. ".c")
    assert.is_truthy(text:find(shown .. ".c: 5 of 5 rows", 1, true), text)
    text = succeed("similarity", strange, strange .. ".s")
    assert.is_truthy(text:find("finished: " .. shown .. ".s\n", 1, true), text)
  end)

  it("writes JSON that is UTF-8, whatever a name is", function()
    -- Latin-1, a lone continuation, overlong, a surrogate, beyond U+10FFFF, cut off; and what is well formed.
    local strange = folder .. "/\228-\128-\192\128-\237\160\128-\244\144\128\128-\226\130-"
    local fine = "\195\164\226\130\172\240\159\152\128"
    local output, code = run("check", strange .. fine, "--json")
    assert.are.equal(1, code)
    local no = "\239\191\189"
    local replaced = ("/%s-%s-%s-%s-%s-%s-"):format(no, no, no:rep(2), no:rep(3), no:rep(4), no:rep(2))
    assert.are.equal(folder .. replaced .. fine, cjson.decode(output).path)
    cache_helper.write(folder .. "/document", output)
    assert.are.same({ "", 0 }, { cache_helper.run_python("-c",
      "import json, sys; json.loads(open(sys.argv[1], 'rb').read().decode('utf-8', 'strict'))",
      folder .. "/document") })
  end)

  it("says what to install where a Lua module is missing", function()
    helper.execute("cp", "-r", helper.ROOT .. "/bin", helper.ROOT .. "/lua", folder)
    os.remove(folder .. "/lua/vk_compute/cli/check.lua")
    -- Without /usr/local, where an installed copy has it.
    local output, code = cache_helper.shell("LUA_PATH='/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua' "
      .. helper.quoted(folder .. "/bin/vulkan-compute", "devices"))
    assert.are.equal(2, code)
    assert.is_truthy(output:find("error: module 'vk_compute.cli.check' not found", 1, true), output)
    assert.is_truthy(output:match("%(Debian: lua%-argparse [^\n]+\n$"), output)
  end)
end)
