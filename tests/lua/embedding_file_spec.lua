-- Files of embeddings of binary formats, and what is common to all formats. For JSON, .npy, text and what other
-- software writes see their own specs.

local cache_helper = require("cache_helper")
local embedding_file = require("vk_compute.formats.embedding_file")
local ffi = require("ffi")
local helper = require("helper")
local vk = require("vk_compute")

describe("a file of embeddings", function()
  local folder, path

  setup(function()
    folder = helper.temporary_folder()
    path = folder .. "/embeddings"
  end)
  teardown(function() helper.execute("rm", "-rf", folder) end)

  local function floats(...)
    local count = select("#", ...)
    return ffi.string(ffi.new("float[?]", count, ...), count * 4)
  end

  local function uint32(value)
    return ffi.string(ffi.new("uint32_t[1]", value), 4)
  end

  -- Reads such a file and compares n, d and the numbers. Those not listed are 1.
  local function reads(format, n, d, numbers, contents, options, name)
    local file = name and folder .. "/" .. name or path
    cache_helper.write(file, contents)
    local array = embedding_file.read(file, options)
    assert.are.same({ format, n, d, 4 * n * d, file },
      { array.format, array.n, array.d, array.bytes, array.path })
    for k = 1, n * d do assert.are.equal(numbers[k] or 1, array.data[k - 1]) end
    return array
  end

  local function refused(words, contents, options, name)
    local file = name and folder .. "/" .. name or path
    cache_helper.write(file, contents)
    local ok, problem = pcall(embedding_file.read, file, options)
    assert.is_false(ok)
    assert.is_truthy(problem:find(file, 1, true), problem)
    assert.is_truthy(problem:find(words, 1, true), ("%q is not in: %s"):format(words, problem))
  end

  local SIX = { 1, -2, 0.5, 3, 0, 1e-40 }
  for k = 1, 6 do SIX[k] = tonumber(ffi.new("float", SIX[k])) end
  local NAN, INFINITY = 0 / 0, 1 / 0

  describe("in .fbin", function()
    local GOOD = uint32(2) .. uint32(3) .. floats(unpack(SIX))

    it("is read, whatever its name and however its n and d begin", function()
      local array = reads(".fbin", 2, 3, SIX, GOOD)
      assert.are.equal(".fbin, 2 embeddings of 3 numbers", array.description)
      reads(".fbin", 6, 1, SIX, uint32(6) .. uint32(1) .. floats(unpack(SIX)))
      reads(".fbin", 1, 1, { 7 }, uint32(1) .. uint32(1) .. floats(7))
      -- n as the first bytes of JSON, of gzip, and as a line feed.
      for _, n in ipairs({ 123, 91, 8827, 0x5b5b, 559903, 10 }) do
        reads(".fbin", n, 1, {}, uint32(n) .. uint32(1) .. floats(1):rep(n))
      end
    end)

    it("is refused where it is damaged", function()
      refused("says 32: it is cut off", GOOD:sub(1, -2), nil, "a.fbin")
      refused("longer than it should be", GOOD .. "\0", nil, "a.fbin")
      refused("cut off in its header", "\1\0\0", nil, "a.fbin")
      refused("n = 0, d = 3", uint32(0) .. uint32(3), nil, "a.fbin")
      refused("says 3072000008: it is cut off", uint32(1000000) .. uint32(768) .. floats(1), nil, "a.fbin")
      refused("says 73786976260478468096", uint32(0xffffffff) .. uint32(0xffffffff) .. floats(1), nil, "a.fbin")
      refused("row 1, column 2 (both from 0) is NaN", uint32(2) .. uint32(3) .. floats(1, 2, 3, 4, 5, NAN))
      refused("row 0, column 0 (both from 0) is infinite: compute this embedding again",
        uint32(1) .. uint32(1) .. floats(-INFINITY))
    end)
  end)

  describe("in .fvecs", function()
    local GOOD = uint32(2) .. floats(1, -2) .. uint32(2) .. floats(0.5, 3) .. uint32(2) .. floats(0, SIX[6])

    it("is read, whatever its name and its d", function()
      assert.are.equal(".fvecs, 3 embeddings of 2 numbers", reads(".fvecs", 3, 2, SIX, GOOD).description)
      reads(".fvecs", 1, 2, SIX, GOOD:sub(1, 12))
      for _, d in ipairs({ 1, 10, 91, 123, 1030, 5000 }) do
        local row, numbers = uint32(d), {}
        for k = 1, 2 * d do numbers[k] = k end
        local first, second = floats(unpack(numbers, 1, d)), floats(unpack(numbers, d + 1, 2 * d))
        reads(".fvecs", 2, d, numbers, row .. first .. row .. second)
      end
    end)

    it("is refused where it is damaged", function()
      refused("no number of rows of 12 bytes (d = 2", GOOD:sub(1, -2), nil, "a.fvecs")
      refused("does not begin with the number of columns", "\2\0\0", nil, "a.fvecs")
      refused("does not begin with the number of columns", uint32(0) .. floats(1), nil, "a.fvecs")
      refused("does not begin with the number of columns", uint32(2 ^ 31) .. floats(1), nil, "a.fvecs")
      refused("row 1 (from 0; it begins at byte 12): it says that it has 3 columns, but the rows before have 2",
        uint32(2) .. floats(1, 2) .. uint32(3) .. floats(1, 2), nil, "a.fvecs")
      refused("Write it anew, all rows of one length", GOOD:sub(1, 24) .. floats(1, 2, 3))
      refused("row 2 (from 0; it begins at byte 24)", GOOD:sub(1, 24) .. floats(1, 2, 3))
      refused("no number of rows", uint32(1.5e9) .. floats(1), nil, "a.fvecs")
      refused("row 2, column 1 (both from 0) is NaN", GOOD:sub(1, -5) .. floats(NAN))
    end)
  end)

  describe("of raw float32", function()
    it("is read where n or d is given", function()
      local raw = floats(unpack(SIX))
      assert.are.equal("raw float32, 3 embeddings of 2 numbers",
        reads("raw float32", 3, 2, SIX, raw, { d = 2 }).description)
      reads("raw float32", 2, 3, SIX, raw, { n = 2 })
      reads("raw float32", 6, 1, SIX, raw, { n = 6, d = 1 })
      reads("raw float32", 1, 1, { 7 }, floats(7), { d = 1 })
    end)

    it("is refused where they do not fit, or are not given", function()
      local raw = floats(unpack(SIX))
      refused("d (--dim)", raw)
      refused("d (--dim)", "no text\0\n", nil, "a.txt")
      refused("24 bytes long, which is no raw float32 with d = 5", raw, { d = 5 })
      refused("no raw float32 with n = 4:", raw, { n = 4 })
      refused("no raw float32 with n = 2 d = 2", raw, { n = 2, d = 2 })
      refused("no raw float32 with d = 4294967295", raw, { d = 2 ^ 32 - 1 })
      refused("no raw float32 with d = 1", raw .. "\0", { d = 1 })
      refused("row 1, column 0 (both from 0) is infinite: compute", floats(1, 2, INFINITY, 4), { d = 2 })
    end)
  end)

  it("of raw float32 may have any name that says nothing of numbers in binary", function()
    for _, name in ipairs({ "a.vec", "a.csv", "a.tsv", "a.txt", "a" }) do
      reads("raw float32", 3, 2, SIX, floats(unpack(SIX)), { d = 2 }, name)
    end
  end)

  describe("that could be taken for raw float32", function()
    -- Other formats' beginnings, of a size that would do.
    local SIZES = { { d = 1 }, { n = 1 }, {} }

    local function refused_whatever_size(words, contents, name)
      assert.are.equal(0, #contents % 4)
      for _, options in ipairs(SIZES) do refused(words, contents, options, name) end
    end

    it("is refused where it is text", function()
      refused_whatever_size("it begins 'Internal server error'", "Internal server error\r\n\t")
      refused_whatever_size("it begins 'Hero und L??ander \"????\"'", 'Hero und Lëander "😀"\n\n\n\n')
      -- Characters of UTF-8 over the end of what is looked at.
      local HEAD = require("vk_compute.formats.byte_source").HEAD
      for shift = 0, 3 do
        for _, character in ipairs({ "ë", "€", "😀" }) do
          refused_whatever_size("looks like text",
            ("x"):rep(HEAD - 4 + shift) .. character:rep(24) .. ("x"):rep(4 - shift))
        end
      end
    end)

    it("is read where only some of it is", function()
      reads("raw float32", 4097, 1, {}, floats(1):rep(4097), { d = 1 })
      -- The last byte tells; and bytes that are no UTF-8.
      for _, contents in ipairs({ ("x"):rep(4095) .. "\1", "xx\0x", "xx\128x", "x\195xx", "\193\128xx", "xxx\127" }) do
        cache_helper.write(path, contents)
        assert.are.equal("raw float32", embedding_file.read(path, { d = 1 }).format)
      end
    end)

    it("is refused where it begins as .fbin does, and its size is off", function()
      local good = uint32(3) .. uint32(5) .. floats(0.5):rep(15)
      refused_whatever_size("is 72 bytes long, but its header (of .fbin: n = 3, d = 5) says 68: it is longer",
        good .. "\0\0\0\0", "a.bin")
      refused_whatever_size("is 64 bytes long, but its header (of .fbin: n = 3, d = 5) says 68: it is cut off, or no "
        .. ".fbin file. Copy it or write it anew", good:sub(1, -5), "a.bin")
      refused_whatever_size("d = 65536) says", uint32(2 ^ 23 - 1) .. uint32(65536) .. floats(1))
      -- No such n, no such d.
      for _, two in ipairs({ { 2 ^ 23, 1 }, { 100000, 65537 }, { 100000, 0 }, { 0, 7 } }) do
        cache_helper.write(path, uint32(two[1]) .. uint32(two[2]) .. floats(1, 2))
        assert.are.equal("raw float32", embedding_file.read(path, { d = 2 }).format)
      end
    end)

    it("is refused where it begins as .fvecs does, and its size is off", function()
      local row = uint32(5) .. floats(0.5):rep(5)
      local words = "which is no number of rows of 24 bytes (d = 5, by its first row): it is cut off, or no .fvecs file"
      refused_whatever_size(words, row:rep(3) .. "\5\0\0\0", "a.bin")
      refused_whatever_size(words, row:rep(3):sub(1, -5), "a.bin")
      refused_whatever_size(words, row:sub(1, -5), "a.bin")
      refused_whatever_size("Copy it or write it anew", row:sub(1, -5), "a.bin")
      -- Its second row has another d: there are no such rows.
      cache_helper.write(path, row .. floats(1, 2))
      assert.are.equal("raw float32", embedding_file.read(path, { d = 4 }).format)
    end)
  end)

  it("is no .fbin where its first two numbers would fit into it", function()
    -- In .fvecs the second is a float.
    local tiny = tonumber(ffi.new("float", 2 * 2 ^ -149))
    reads(".fvecs", 3, 1, { tiny, 1, 1 }, uint32(1) .. uint32(2) .. (uint32(1) .. floats(1)):rep(2))
  end)

  it("of another n or d than the caller says is refused", function()
    for _, contents in ipairs({ "[[1,2],[3,4]]", uint32(2) .. uint32(2) .. floats(1, 2, 3, 4) }) do
      reads(#contents == 13 and "JSON" or ".fbin", 2, 2, { 1, 2, 3, 4 }, contents, { n = 2, d = 2 })
      refused("has n = 2, but 3 was asked for", contents, { n = 3 })
      refused("has d = 2, but 1 was asked for", contents, { d = 1 })
    end
  end)

  it("of a format that is not read is named, with a way to convert it", function()
    local cases = {
      { "is gzip", "gunzip <", "\31\139\8\0" }, { "is Zstandard", "zstd -d <", "\40\181\47\253" },
      { "is xz", "xz -d <", "\253\55zXZ\0" }, { "is bzip2", "bunzip2 <", "BZh9" },
      { "is Parquet", "read_parquet", "PAR1" },
      { "is Arrow", "read_feather", "ARROW1\0\0" }, { "is HDF5", "h5py", "\137HDF\r\n\26\n" },
      { "is an SQLite database", "sqlite3.connect", "SQLite format 3\0" },
      { "is UTF-16", "iconv -f UTF-16 ", "\255\254[\0[\0" }, { "is UTF-16", "iconv", "\255\254{\0\"\0" },
      { "is UTF-16", "iconv -f UTF-16 ", "\254\255\0[\0[" }, { "is UTF-16", "iconv", "\254\255\0{\0\"" },
      { "is UTF-16", "iconv -f UTF-16 ", "\255\254\n\0[\0" },
      { "is UTF-16", "iconv -f UTF-16LE", "[\0[\0001\0" }, { "is UTF-16", "iconv -f UTF-16LE", "{\0\n\0\"\0" },
      { "is UTF-16", "iconv -f UTF-16BE", "\0[\0[\0001" }, { "is UTF-16", "iconv -f UTF-16BE", "\0{\0\"\0e" },
      { "is a Python pickle", "pickle.load", "\128\4\149\10\0\0\0\0\0\0\0" },
    }
    for _, case in ipairs(cases) do
      for _, word in ipairs({ case[1], "Convert it: ", case[2] }) do
        refused(word, case[3] .. ("x"):rep(50))
        refused(word, case[3] .. ("x"):rep(50), { d = 1 })
      end
    end
    refused("50%1 e.gz is gzip, which is not read here. Convert it: gunzip <", "\31\139\8\0", nil, "50%1 e.gz")
    refused("> '50%1 e'", "\31\139\8\0", nil, "50%1 e.gz")
  end)

  it("of any name is converted by the command that the error says", function()
    local name = folder .. "/it's \\ \"one\" $(false) & %1"
    local function remedy(contents, pattern)
      cache_helper.write(name, contents)
      local _, problem = pcall(embedding_file.read, name, { d = 1 })
      return assert(problem:match(pattern), problem)
    end
    local command = remedy("[\0001\0]\0", "Convert it: (.*)$")
    assert.are.equal(0, select(2, cache_helper.shell("cd '" .. folder .. "' && " .. command)))
    assert.are.equal("[1]", cache_helper.contents(folder .. "/out.json"))
    command = remedy("1,2;3,0\n3,5;4,0\n", "With points: (.*)$")
    assert.are.equal(0, select(2, cache_helper.shell("cd '" .. folder .. "' && " .. command)))
    assert.are.equal(3.5, embedding_file.read(folder .. "/out.csv").data[2])
  end)

  it("is not looked for in what is no ordinary file, nor in an empty one", function()
    local function refuses(words, name)
      local ok, problem = pcall(embedding_file.read, name)
      assert.is_false(ok)
      assert.is_truthy(problem:find(name, 1, true), problem)
      assert.is_truthy(problem:find(words, 1, true), problem)
    end
    refuses("is a directory", folder)
    refuses("No such file", folder .. "/none")
    cache_helper.write(path, "[[1]]")
    refuses("Not a directory", path .. "/none")
    refuses("is a device, not a file of embeddings, nor a pipe", "/dev/zero")
    local pipe = folder .. "/pipe"
    helper.execute("mkfifo", pipe)
    os.execute(": > '" .. pipe .. "' &")
    refuses("is empty", pipe)
    refused("is empty", "")
  end)

  it("leaves no file open, read or refused", function()
    local function open_files()
      return #cache_helper.names("/proc/self/fd")
    end
    local before = open_files()
    for _ = 1, 20 do
      reads("JSON", 1, 1, { 1 }, "[[1]]")
      refused("cut off", "[[1]")
    end
    assert.are.equal(before, open_files())
  end)

  it("gets no memory before its size is known to fit what it claims", function()
    local files = require("vk_compute.system.files")
    local memory, asked = files.memory, 0
    finally(function() files.memory = memory end)
    files.memory = function(bytes)
      asked = asked + bytes
      return memory(bytes)
    end
    local header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2000000, 768), }\n"
    refused("cut off", "\147NUMPY\1\0" .. string.char(#header) .. "\0" .. header .. floats(1, 2))
    refused("cut off", uint32(2000000) .. uint32(768) .. floats(1, 2), nil, "a.fbin")
    refused("cut off", uint32(1.5e9) .. floats(1, 2), nil, "a.fvecs")
    refused("no raw float32", floats(1, 2), { n = 2000000, d = 768 })
    assert.are.equal(0, asked)
    reads("raw float32", 1, 2, { 1, 2 }, floats(1, 2), { d = 2 })
    assert.are.equal(8, asked)
  end)

  describe("through vk.read_embeddings #device", function()
    it("goes into a context without a copy, and matches a table of the same numbers", function()
      local context = helper.new()
      cache_helper.write(path, "[[1,0,0.5],[0.25,-1,0],[0,0,0],[2,2,2]]")
      local file = vk.read_embeddings(path)
      context:upload_embeddings(file, { center = true })
      assert.are.same({ num_embeddings = 4, embedding_dim = 3, centered = true, weighted = true },
        context:embeddings_info())
      local matrix = context:compute_similarity_matrix()
      context:upload_embeddings({ { 1, 0, 0.5 }, { 0.25, -1, 0 }, { 0, 0, 0 }, { 2, 2, 2 } }, { center = true })
      assert.are.same(context:compute_similarity_matrix(), matrix)
      context:upload_embeddings(file)
      assert.is_false(context:embeddings_info().centered)
      helper.assert_raises("takes no other n and d", function() context:upload_embeddings(file, 4, 3) end)
      context:shutdown()
      helper.assert_no_validation_messages()
    end)

    it("checks its arguments at the caller's line", function()
      helper.assert_raises("path must be a string, but is nil", function() vk.read_embeddings() end)
      helper.assert_raises("there is no option", function() vk.read_embeddings(path, { dim = 3 }) end)
      helper.assert_raises("option d must be 1 or more", function() vk.read_embeddings(path, { d = 0 }) end)
      helper.assert_raises("option n must be an integer", function() vk.read_embeddings(path, { n = 1.5 }) end)
      helper.assert_raises("option skip_missing must be a boolean", function()
        vk.read_embeddings(path, { skip_missing = 1 })
      end)
    end)

    it("reads numbers that stay while the table is held", function()
      cache_helper.write(path, "[" .. ("[1,2,3],"):rep(1000) .. "[1,2,3]]")
      local files = {}
      for k = 1, 50 do files[k] = vk.read_embeddings(path) end
      collectgarbage()
      collectgarbage()
      for k = 1, 50 do
        for i = 0, files[k].n * 3 - 1 do assert(files[k].data[i] == i % 3 + 1) end
      end
    end)
  end)
end)
