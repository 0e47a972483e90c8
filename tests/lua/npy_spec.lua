local cache_helper = require("cache_helper")
local helper = require("helper")
local npy = require("vk_compute.npy")

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
    local ok, problem = pcall(npy.read_float32, path)
    assert.is_false(ok)
    assert.is_truthy(problem:find(path, 1, true), problem)
    assert.is_truthy(problem:find(words, 1, true), problem)
  end

  it("reads header versions 1, 2 and 3", function()
    for version = 1, 3 do
      cache_helper.write(path, header(version, GOOD) .. FLOATS)
      local array = npy.read_float32(path)
      assert.are.same({ 3, 1, 12 }, { array.n, array.d, array.bytes })
      assert.are.same({ 1, 2, 3 }, { array.data[0], array.data[1], array.data[2] })
    end
  end)

  it("reads the Psalms", function()
    local array = npy.read_float32(cache_helper.PSALMS)
    assert.are.same({ 2461, 512 }, { array.n, array.d })
    for row = 0, array.n - 1 do
      local sum = 0
      for k = row * 512, row * 512 + 511 do sum = sum + array.data[k] ^ 2 end
      assert.is_true(math.abs(sum - 1) < 1e-5)
    end
  end)

  it("takes other spellings of the header", function()
    cache_helper.write(path,
      header(1, '{"shape":(3,1),"fortran_order":False,"descr":"<f4"}') .. FLOATS)
    assert.are.equal(3, npy.read_float32(path).n)
  end)

  it("refuses what is no such array, and says what it is", function()
    refused("not a .npy file", "")
    refused("not a .npy file", "{}")
    refused("cut off in its header", "\147NUMPY\1\0")
    refused("cut off in its header", header(1, GOOD):sub(1, 40))
    refused("version 4", header(4, GOOD) .. FLOATS)
    refused("header of 4294967295 bytes", "\147NUMPY\2\0\255\255\255\255" .. FLOATS)
    refused("float64", header(1, dict("<f8", "False", "(3, 1)")) .. FLOATS .. FLOATS)
    refused("big-endian float32", header(1, dict(">f4", "False", "(3, 1)")) .. FLOATS)
    refused("float16", header(1, dict("<f2", "False", "(3, 1)")) .. FLOATS)
    refused("type <u4", header(1, dict("<u4", "False", "(3, 1)")) .. FLOATS)
    refused("Fortran order", header(1, dict("<f4", "True", "(3, 1)")) .. FLOATS)
    refused("two-dimensional", header(1, dict("<f4", "False", "(3,)")) .. FLOATS)
    refused("two-dimensional", header(1, dict("<f4", "False", "(3, 1, 1)")) .. FLOATS)
    refused("nothing in it", header(1, dict("<f4", "False", "(0, 1)")))
    refused("nothing in it", header(1, dict("<f4", "False", "(3, 0)")))
    refused("at most", header(1, dict("<f4", "False", "(4294967296, 1)")) .. FLOATS)
    refused("no plain descr", header(1, "{'shape': (3, 1), 'fortran_order': False}") .. FLOATS)
    refused("no plain shape", header(1, "{'descr': '<f4', 'fortran_order': False}") .. FLOATS)
    refused("cut off", header(1, GOOD) .. FLOATS:sub(1, -2))
    refused("more than one array", header(1, GOOD) .. FLOATS .. "\0")
    refused("cut off", header(1, dict("<f4", "False", "(1000000, 1000000)")) .. FLOATS)
  end)

  it("refuses what is no file", function()
    assert.has_error(function() npy.read_float32(folder) end,
      folder .. " is a directory, not a .npy file")
    assert.has_error(function() npy.read_float32(folder .. "/none") end,
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
