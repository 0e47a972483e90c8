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
    refused_texts('(index 0), nor for 1 more: add a line {"id": .., "text": ..} for each', '{"id":"b","text":"x"}\n')
    refused_texts("the text of the item with index 1 is not UTF-8: caf\\xe9. Convert", "one\ncaf\233\nthree\n")
    cache_helper.write(folder .. "/groups", "x\n\255\nz\n")
    refused("groups: the group of the item with index 1 is not UTF-8: \\xff", input, "--groups", folder .. "/groups",
      "-o", page)
    refused_texts("is not UTF-8", '{"id":"a","text":"\254"}\n{"id":"b","text":"x"}\n{"id":"c","text":"x"}\n')
    refused("there is no such file", input, "--texts", folder .. "/none", "-o", page)
  end)

  it("refuses what has nothing to compare, and more picks than there are", function()
    cache_helper.write(folder .. "/one.json", '{"embeddings":[[1,2]]}')
    refused("holds one embedding", folder .. "/one.json", "-o", page)
    refused("--picks 3 is more than the 2", input, "--picks", "3", "-o", page)
  end)

  it("says what to do where the page was not built, and makes it once it is there", function()
    local copy = folder .. "/copy"
    helper.execute("mkdir", "-p", copy .. "/build")
    helper.execute("cp", "-r", helper.ROOT .. "/lua", helper.ROOT .. "/bin", copy)
    local function run_copy()
      return cache_helper.shell(("VKC_DEVICE=llvmpipe VKC_LIBRARY=%s "):format(
        helper.quoted(os.getenv("VKC_LIBRARY") or helper.ROOT .. "/build/libvulkan_compute.so"))
        .. helper.quoted(copy .. "/bin/vulkan-compute", "explore", input, "-o", page))
    end
    local output, code = run_copy()
    assert.are.equal(2, code, output)
    assert.is_truthy(output:find("esbuild was not there: install it (Debian package esbuild), build again", 1, true),
      output)
    assert.is_nil(io.open(page))
    cache_helper.write(copy .. "/build/explore.html", "<html>of another version</html>")
    output, code = run_copy()
    assert.are.equal(2, code, output)
    assert.is_truthy(output:find("is no page of this version: build and install it again", 1, true), output)
    cache_helper.write(copy .. "/build/explore.html", cache_helper.contents(helper.ROOT .. "/build/explore.html"))
    output, code = run_copy()
    assert.are.equal(0, code, output)
    os.remove(page)
  end)

  it("shortens the lists of very many items, and refuses more than a page can show", function()
    local page_size = require("vk_compute.explore.page_size")
    local function choose(n, other_bytes, asked, cached)
      local lists = { {}, {}, { cache = cached and { path = "c.npy" }, picks = cached } }
      return page_size.choose({ n = n, lists = lists, asked = asked, other_bytes = other_bytes, most_bytes = 1e6 })
    end
    -- Three lists of 1,000 items: 3,000 x (picks x 6 + picks x (picks - 1) + 2) + 8,000 bytes.
    assert.are.same({ 10 }, { choose(1000, 1e6 - 464000) })
    assert.are.same({ 15, nil }, { choose(1000, 0, 15) })
    assert.are.same({ 9, "Lists show 9 items each, not 10, so that this page of 1000 items stays below 1 MB." },
      { choose(1000, 1e6 - 463999) })
    assert.are.same({ 3 }, { (choose(1000, 1e6 - 86000)) })
    assert.are.same({ 2 }, { choose(3, 0) })
    local function refuses(words, ...)
      local ok, problem = pcall(choose, ...)
      assert.is_false(ok)
      assert.is_truthy(tostring(type(problem) == "table" and problem.message or problem):find(words, 1, true),
        tostring(problem))
    end
    refuses("texts and groups take, compressed, 0.914 MB of a page of 1 MB: give shorter texts", 1000, 1e6 - 85999)
    refuses("11628 items are more than a page of 1 MB can show: make pages of parts of them", 11628, 0)
    refuses("--picks 16 is more than the 15 that a page of these 1000 items can show", 1000, 0, 16)
    refuses("c.npy has 9 picks a row, and the page shows 10: give --picks 9, or compute it longer", 1000, 0, nil, 9)
    assert.are.same({ 9 }, { choose(1000, 0, 9, 9) })
    -- More items have longer ids.
    assert.are.equal(3, (page_size.choose({ n = 65535, lists = { {} }, other_bytes = 0, most_bytes = 34 * 65535 })))
    assert.is_false(pcall(page_size.choose, { n = 65536, lists = { {} }, other_bytes = 0, most_bytes = 34 * 65536 }))
  end)

  it("is not written where it would be too large", function()
    -- As for many items: with a limit that three reach.
    local function make(most_bytes, texts)
      cache_helper.write(folder .. "/texts", texts)
      return cache_helper.shell("cd " .. helper.quoted(helper.ROOT) .. " && " .. helper.quoted("luajit",
        "tests/explore/limited.lua", most_bytes, input, folder .. "/texts", page, "llvmpipe"))
    end
    local long = {}
    for k = 1, 3000 do long[k] = ("%x"):format(k * k) end
    local output, code = make(40000, "one\ntwo " .. table.concat(long, " ") .. "\nthree\n")
    assert.are.equal(2, code, output)
    assert.is_truthy(output:find("of a page of 0.04 MB: give shorter texts", 1, true), output)
    assert.is_nil(io.open(page))
    output, code = make(40000, "one\ntwo\nthree\n")
    assert.are.equal(0, code, output)
    os.remove(page)
    output, code = make(300, "one\ntwo\nthree\n")
    assert.are.equal(2, code, output)
    assert.is_truthy(output:find("3 items are more than a page of 0.0003 MB can show", 1, true), output)
    assert.is_nil(io.open(page))
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
