local cache_helper = require("cache_helper")
local embedding_file = require("vk_compute.formats.embedding_file")
local ffi = require("ffi")
local helper = require("helper")
local npy = require("vk_compute.formats.npy_header")

describe("npy", function()
  local folder, path

  setup(function()
    folder = helper.temporary_folder()
    path = folder .. "/array.npy"
  end)
  teardown(function() helper.execute("rm", "-rf", folder) end)

  local FLOATS = "\0\0\128\63" .. "\0\0\0\64" .. "\0\0\64\64"  -- 1, 2, 3

  local function header(version, text)
    text = text .. "\n"
    local length = string.char(#text % 256, math.floor(#text / 256))
    return "\147NUMPY" .. string.char(version, 0) .. length .. (version > 1 and "\0\0" or "") .. text
  end

  local function dict(descr, order, shape)
    return ("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }"):format(descr, order, shape)
  end

  local GOOD = dict("<f4", "False", "(3, 1)")

  local function refused(words, contents)
    cache_helper.write(path, contents)
    local ok, problem = pcall(embedding_file.read, path)
    assert.is_false(ok)
    assert.is_truthy(problem:find(path, 1, true), problem)
    assert.is_truthy(problem:find(words, 1, true), problem)
  end

  it("reads header versions 1, 2 and 3", function()
    for version = 1, 3 do
      cache_helper.write(path, header(version, GOOD) .. FLOATS)
      local array = embedding_file.read(path)
      assert.are.same({ 3, 1, 12 }, { array.n, array.d, array.bytes })
      assert.are.same({ 1, 2, 3 }, { array.data[0], array.data[1], array.data[2] })
    end
  end)

  it("reads the Psalms", function()
    local array = embedding_file.read(cache_helper.PSALMS)
    assert.are.same({ 2461, 512 }, { array.n, array.d })
    for row = 0, array.n - 1 do
      local sum = 0
      for k = row * 512, row * 512 + 511 do sum = sum + array.data[k] ^ 2 end
      assert.is_true(math.abs(sum - 1) < 1e-5)
    end
  end)

  it("takes other spellings of the header", function()
    -- As NumPy writes it on Python 2.
    for _, shape in ipairs({ "(3L, 1L)", "(3L, 1)" }) do
      cache_helper.write(path, header(1, dict("<f4", "False", shape)) .. FLOATS)
      local array = embedding_file.read(path)
      assert.are.same({ 3, 1 }, { array.n, array.d })
    end
    cache_helper.write(path,
      header(1, '{"shape":(3,1),"fortran_order":False,"descr":"<f4"}') .. FLOATS)
    assert.are.equal(3, embedding_file.read(path).n)
  end)

  it("refuses what is no such array, and says what it is", function()
    refused("cut off in its header", "\147NUMPY\1\0")
    refused("cut off in its header", header(1, GOOD):sub(1, 40))
    refused("version 4", header(4, GOOD) .. FLOATS)
    refused("header of 4294967295 bytes", "\147NUMPY\2\0\255\255\255\255" .. FLOATS)
    refused("type <u4", header(1, dict("<u4", "False", "(3, 1)")) .. FLOATS)
    refused("type <f16", header(1, dict("<f16", "False", "(3, 1)")) .. FLOATS)
    refused("type |f4", header(1, dict("|f4", "False", "(3, 1)")) .. FLOATS)
    refused("two-dimensional", header(1, dict("<f4", "False", "(3,)")) .. FLOATS)
    refused("two-dimensional", header(1, dict("<f4", "False", "(3, 1, 1)")) .. FLOATS)
    for shape, d in pairs({ ["(3,)"] = 3, ["(3L,)"] = 3, ["(3, 1, 1)"] = 1 }) do
      refused(("For rows of %d numbers: python3 -c 'import numpy, sys; numpy.save(\"out.npy\", numpy.asarray("
        .. "numpy.load(sys.argv[1]).reshape(-1, %d)"):format(d, d), header(1, dict("<f4", "False", shape)) .. FLOATS)
    end
    refused("has shape (); embeddings are two-dimensional", header(1, dict("<f4", "False", "()")) .. FLOATS)
    refused("Save a plain array of floats with numpy.save", header(1, "{'descr'; '<f4', ") .. FLOATS)
    refused("it is cut off: copy it, or write it with numpy.save, anew", header(1, GOOD) .. FLOATS:sub(1, -2))
    refused("cut off in its header: copy it, or write it with numpy.save, anew", header(1, GOOD):sub(1, 40))
    refused("cut off in its header: copy it, or write it with numpy.save, anew", "\147NUMPY\1\0")
    refused("Write it anew with numpy.save", "\147NUMPY\2\0\255\255\255\255" .. FLOATS)
    refused("nothing in it", header(1, dict("<f4", "False", "(0, 1)")))
    refused("nothing in it", header(1, dict("<f4", "False", "(3, 0)")))
    refused("at most", header(1, dict("<f4", "False", "(4294967296, 1)")) .. FLOATS)
    refused("no plain descr", header(1, "{'shape': (3, 1), 'fortran_order': False}") .. FLOATS)
    refused("no plain shape", header(1, "{'descr': '<f4', 'fortran_order': False}") .. FLOATS)
    refused("cut off", header(1, GOOD) .. FLOATS:sub(1, -2))
    refused("more than one array", header(1, GOOD) .. FLOATS .. "\0")
    refused("cut off", header(1, dict("<f4", "False", "(1000000, 1000000)")) .. FLOATS)
    refused("cut off", header(1, dict("<f2", "False", "(3, 1)")) .. "\0\0\0\0\0")
    refused("cut off", header(1, dict(">f8", "False", "(3, 1)")) .. FLOATS)
    -- Six gigabytes, claimed by a file of a few bytes.
    refused("cut off", header(1, dict("<f8", "False", "(1000000, 768)")) .. FLOATS)
  end)

  it("refuses what is not finite in float32, by row and column", function()
    local doubles = ffi.new("double[6]", { 1, 2, 3, 4, 1e39, 6 })
    local function contents(kind, source, bytes)
      return header(1, dict(kind, "False", "(3, 2)")) .. ffi.string(source, bytes)
    end
    -- As for JSON: there are numbers, they only need another scale.
    refused("row 2, column 0 (both from 0) is too large for float32: scale the embeddings",
      contents("<f8", doubles, 48))
    for _, bound in ipairs({ 2 ^ 128 - 2 ^ 103, -(2 ^ 128 - 2 ^ 103) }) do
      doubles[4] = bound
      refused("is too large for float32: scale the embeddings", contents("<f8", doubles, 48))
    end
    doubles[4] = 1 / 0
    refused("row 2, column 0 (both from 0) is infinite: compute this embedding again", contents("<f8", doubles, 48))
    doubles[4], doubles[3] = 5, 0 / 0
    refused("row 1, column 1 (both from 0) is NaN", contents("<f8", doubles, 48))
    local floats = ffi.new("float[6]", { 1, -1 / 0, 3, 4, 5, 6 })
    refused("row 0, column 1 (both from 0) is infinite", contents("<f4", floats, 24))
    refused("row 2, column 1 (both from 0) is NaN",
      header(1, dict(">f2", "False", "(3, 2)")) .. ("\60\0"):rep(5) .. "\126\0")
    -- Every kind of NaN: LuaJIT would take some for other values than numbers.
    for _, high in ipairs({ "\127\240", "\127\248", "\255\240", "\255\248", "\255\255" }) do
      for _, low in ipairs({ ("\0"):rep(5) .. "\1", ("\255"):rep(6) }) do
        refused("row 2, column 1 (both from 0) is NaN",
          header(1, dict(">f8", "False", "(3, 2)")) .. ("\63\240\0\0\0\0\0\0"):rep(5) .. high .. low)
      end
    end
    for _, bytes in ipairs({ "\127\128\0\1", "\127\255\255\255", "\255\128\0\1", "\255\255\255\255" }) do
      refused("row 2, column 1 (both from 0) is NaN",
        header(1, dict(">f4", "False", "(3, 2)")) .. ("\63\128\0\0"):rep(5) .. bytes)
    end
  end)

  -- A script for NumPy. It is in Debian's Python, which need not be the first on the path.
  local function numpy(script)
    cache_helper.write(folder .. "/script.py", "import sys, warnings, numpy as np\n"
      .. "folder = sys.argv[1]\n" .. script)
    local output, code = cache_helper.run_python(folder .. "/script.py", folder)
    assert.are.equal(0, code, output)
  end

  -- Loads NAME.npy and compares with the float32 that NumPy made of it, NAME.f4, to the last bit.
  local function assert_equal_to_numpy(name, n, d)
    local array = embedding_file.read(("%s/%s.npy"):format(folder, name))
    assert.are.same({ n, d, n * d * 4 }, { array.n, array.d, array.bytes })
    local expected = cache_helper.contents(("%s/%s.f4"):format(folder, name))
    assert.is_true(ffi.string(array.data, array.bytes) == expected, name)
    return array
  end

  it("reads what NumPy writes, in every type and byte order, as its astype reads it", function()
    numpy([[
rng = np.random.default_rng(11)
values = rng.standard_normal((257, 300)) * 10.0 ** rng.integers(-44, 38, (257, 300))
values[0, :8] = [0.0, -0.0, 1 + 2.0**-24, 1 + 3 * 2.0**-24, 5e-324, 2.0**-149, 2.0**-150,
                 np.nextafter(2.0**128 - 2.0**103, 0)]
halves = np.arange(65536, dtype='<u2').view('<f2')
halves = halves[np.isfinite(halves)].reshape(-1, 64)
for kind in ('<f4', '>f4', '<f8', '>f8', '<f2', '>f2'):
    array = (halves if kind[1:] == 'f2' else values).astype(kind)
    name = folder + '/' + ('little_' if kind[0] == '<' else 'big_') + kind[1:]
    np.save(name + '.npy', array)
    array.astype('<f4').tofile(name + '.f4')
]])
    local words = { f2 = "float16", f4 = "float32", f8 = "float64" }
    for kind, word in pairs(words) do
      for _, order in ipairs({ "little", "big" }) do
        local n, d = 257, 300
        if kind == "f2" then n, d = 63488 / 64, 64 end
        local array = assert_equal_to_numpy(order .. "_" .. kind, n, d)
        assert.are.equal((".npy of %s%s"):format(order == "big" and "big-endian " or "", word), array.format)
      end
    end
  end)

  it("reads every header version that NumPy writes", function()
    numpy([[
array = np.arange(12, dtype='<f8').reshape(4, 3) / 7
for version in (1, 2, 3):
    name = folder + '/version%d' % version
    with open(name + '.npy', 'wb') as file:
        np.lib.format.write_array(file, array, (version, 0))
    array.astype('<f4').tofile(name + '.f4')
]])
    for version = 1, 3 do
      assert.are.equal(version, cache_helper.contents(folder .. "/version" .. version .. ".npy"):byte(7))
      assert_equal_to_numpy("version" .. version, 4, 3)
    end
  end)

  it("reads the same for any name", function()
    cache_helper.write(folder .. "/array.json", header(1, GOOD) .. FLOATS)
    assert.are.equal(".npy of float32", embedding_file.read(folder .. "/array.json").format)
  end)

  it("refuses what is no file", function()
    assert.has_error(function() embedding_file.read(folder) end,
      folder .. " is a directory, not a file of embeddings")
    assert.has_error(function() embedding_file.read(folder .. "/none") end,
      "cannot open " .. folder .. "/none: No such file or directory")
  end)

  it("writes headers that are a multiple of 64 bytes and say rows and columns", function()
    for _, shape in ipairs({ { 1, 1 }, { 7, 3 }, { 4294967295, 4294967295 } }) do
      local text = npy.uint32_header(shape[1], shape[2])
      assert.are.equal(0, #text % 64)
      assert.are.equal(#text - 10, text:byte(9) + 256 * text:byte(10))
      assert.are.equal("\147NUMPY\1\0", text:sub(1, 8))
      assert.are.equal(("{'descr': '<u4', 'fortran_order': False, 'shape': (%.0f, %.0f), }"):format(
        shape[1], shape[2]), (text:sub(11):gsub(" *\n$", "")))
    end
  end)
end)
