-- vulkan-compute explore: what it refuses, and what it replaces. What the page shows is for tests/explore/.

local cjson = require("cjson")
local cache_helper = require("cache_helper")
local helper = require("helper")

local PROGRAM = helper.ROOT .. "/bin/vulkan-compute"

describe("vulkan-compute explore", function()
  local folder, input, page

  setup(function()
    folder = helper.temporary_folder()
    input, page = folder .. "/e.json", folder .. "/page.html"
    cache_helper.write(input, cjson.encode({ embeddings = {
      { id = "a", embedding = { 1, 0 } }, { id = "b", embedding = { 0, 1 } }, { id = "c", embedding = { 1, 1 } },
    } }))
  end)
  teardown(function() helper.execute("rm", "-r", folder) end)

  local function run(...)
    return cache_helper.shell("VKC_DEVICE=llvmpipe " .. helper.quoted(PROGRAM, "explore", ...))
  end
  local function refused(words, ...)
    local output, code = run(...)
    assert.are.equal(2, code, output)
    assert.is_truthy(output:find(words, 1, true), output)
    assert.is_nil(io.open(page))
  end
  local function refused_texts(words, texts)
    cache_helper.write(folder .. "/texts", texts)
    refused(words, input, "--texts", folder .. "/texts", "-o", page)
  end

  it("names what is wrong with texts, and where", function()
    refused_texts("has no text for the item b (index 1)", '{"id":"a","text":"x"}\n{"id":"c","text":"x"}\n')
    refused_texts("lines 1 and 2: have one id, a", '{"id":"a","text":"x"}\n{"id":"a","text":"y"}\n')
    refused_texts("has 2 texts, and there are 3 embeddings", "one\ntwo\n")
    refused_texts("the text of item b (index 1) is not UTF-8: caf\\xe9. Convert", "one\ncaf\233\nthree\n")
    refused("there is no such file", input, "--texts", folder .. "/none", "-o", page)
  end)

  it("refuses what has nothing to compare, and more picks than there are", function()
    cache_helper.write(folder .. "/one.json", '{"embeddings":[[1,2]]}')
    refused("holds one embedding", folder .. "/one.json", "-o", page)
    refused("--picks 3 is more than the 2", input, "--picks", "3", "-o", page)
  end)

  it("replaces an earlier page, and nothing else", function()
    cache_helper.write(page, "<html>another</html>")
    local output, code = run(input, "-o", page)
    assert.are.equal(2, code)
    assert.is_truthy(output:find("exists, and is", 1, true), output)
    os.remove(page)
    for _ = 1, 2 do
      local said, result = run(input, "-o", page, "--json")
      assert.are.equal(0, result, said)
      local document = cjson.decode(said)
      assert.are.same({ 3, 2, 8, #cache_helper.contents(page) }, {
        document.n, document.picks, document.lists, document.bytes,
      })
    end
    os.remove(page)
  end)
end)
