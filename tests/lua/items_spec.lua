-- Items by what people call them: ids and texts, in the commands, exports and caches.

local cjson = require("cjson")
local cache_helper = require("cache_helper")
local helper = require("helper")
local reference = require("reference")
local vk = require("vk_compute")

local PROGRAM = helper.ROOT .. "/bin/vulkan-compute"
local IDS = { "Psa 1:1", "7", "été", 12, "id:x", "twice", "twice", "a\27[31m" }

describe("items of people", function()
  local n, d = #IDS, 3
  local folder, input, texts, data, expected

  setup(function()
    folder = helper.temporary_folder()
    input, texts = folder .. "/e.json", folder .. "/texts.jsonl"
    data = helper.kinds["unit norms"](n, d)
    expected = reference(data, n, d, false)
    local list, lines = {}, {}
    for k, id in ipairs(IDS) do
      list[k] = { id = id, embedding = { data[(k - 1) * d], data[(k - 1) * d + 1], data[(k - 1) * d + 2] } }
      lines[k] = cjson.encode({ id = id, text = "text of " .. id }) .. "\n"
    end
    cache_helper.write(input, cjson.encode({ embeddings = list }))
    cache_helper.write(texts, table.concat(lines))
    cache_helper.write_embeddings(folder .. "/e.npy", data, n, d)
  end)
  teardown(function() helper.execute("rm", "-r", folder) end)

  -- With a device that is asked for, so that there is no note on it.
  local function run(...) return cache_helper.shell("VKC_DEVICE=0 " .. helper.quoted(PROGRAM, ...)) end
  local function succeed(...)
    local output, code = run(...)
    assert.are.equal(0, code, output)
    return output
  end
  local function refused(words, ...)
    local output, code = run(...)
    assert.is_truthy(code ~= 0 and output:find(words, 1, true), output)
  end
  local function indices(...)
    local list = {}
    for index in succeed("diversity-sequence", ...):gmatch("[^\n]+") do list[#list + 1] = tonumber(index) end
    return list
  end

  it("begin a walk: digits are an index, all else is an id", function()
    local named = { ["1"] = 1, ["Psa 1:1"] = 0, ["id:7"] = 1, ["été"] = 2, ["id:12"] = 3, ["id:id:x"] = 4 }
    for name, index in pairs(named) do
      assert.are.same(expected:sequence(index, 4), indices(input, "--start", name, "--length", "4"))
    end
    refused("indices from 0 to 7. For the item with this id write id:12", "diversity-sequence", input, "--start", "12")
    refused("indices from 0 to 7\n", "diversity-sequence", input, "--start", "8")
    refused("has no item with this id. Such are Psa 1:1, 7, été", "diversity-sequence", input, "--start", "x")
    refused("several items of", "diversity-sequence", input, "--start", "twice")
    refused("have no ids: give an index, from 0 to 7, or ids with --texts FILE\n", "diversity-sequence",
      folder .. "/e.npy", "--start", "x")
    refused("have no ids: give an index, from 0 to 7\n", "similarity", folder .. "/e.npy", "--between", "x", "y")
  end)

  it("have texts, by id or in order", function()
    local sequence = expected:sequence(2, 3)
    local function lines(embeddings, file)
      return succeed("diversity-sequence", embeddings, "--start", "2", "--length", "3", "--texts", file)
    end
    for _, embeddings in ipairs({ input, folder .. "/e.npy" }) do
      local k = 0
      for line in lines(embeddings, texts):gmatch("[^\n]+") do
        k = k + 1
        local shown = ("text of " .. IDS[sequence[k] + 1]):gsub("\27", "\\x1b")
        assert.are.same({ tostring(sequence[k]), shown }, { line:match("^ *(%d+)  "), line:sub(-#shown) })
      end
      assert.are.equal(3, k)
    end

    local plain, objects = folder .. "/plain.txt", folder .. "/objects.jsonl"
    local all, all_objects = {}, {}
    for k = 1, n do all[k], all_objects[k] = "line " .. k, cjson.encode({ text = "line " .. k }) end
    cache_helper.write(plain, table.concat(all, "\r\n") .. "\r\n")
    cache_helper.write(objects, table.concat(all_objects, "\n"))
    for _, file in ipairs({ plain, objects }) do
      local document = cjson.decode(succeed("diversity-sequence", input, "--start", "2", "--length", "3", "--texts",
        file, "--json"))
      local shown, names = {}, {}
      for k, index in ipairs(sequence) do shown[k], names[k] = "line " .. index + 1, tostring(IDS[index + 1]) end
      assert.are.same({ sequence, shown, names }, { document.sequence, document.texts, document.ids })
    end
  end)

  it("have texts in files as editors and other systems write them", function()
    local function shown(contents)
      local file = folder .. "/written"
      cache_helper.write(file, contents)
      return cjson.decode(succeed("diversity-sequence", input, "--start", "2", "--texts", file, "--json")).texts
    end
    local all, plain = cache_helper.contents(texts), {}
    local wanted = shown(all)
    assert.are.equal("text of été", wanted[1])
    local mark = "\239\187\191"
    for _, contents in ipairs({ mark .. all, "\n\r\n" .. all, mark .. "\n" .. all, all .. "\n\n", all:gsub("\n$", ""),
      all:gsub("\n", "\r\n"), all .. all }) do
      assert.are.same(wanted, shown(contents))
    end
    local piped = succeed("neighbors", input, "--of", "2", "--texts", texts)
    local command = ("VKC_DEVICE=0 '%s' neighbors '%s' --of 2 --texts <(cat '%s')"):format(PROGRAM, input, texts)
    assert.are.same({ piped, 0 }, { cache_helper.shell(('bash -c "%s"'):format(command)) })
    -- By id in another order; of one id several texts where they are in the order of the items.
    local lines = {}
    for line in all:gmatch("[^\n]+") do table.insert(lines, 1, line) end
    assert.are.same(wanted, shown(table.concat(lines, "\n")))
    local function index_of(list, text)
      for k, other in ipairs(list) do if other == text then return k end end
    end
    local second = shown((all:gsub('(.*)text of twice', "%1the second")))
    assert.is_truthy(index_of(second, "the second") and index_of(second, "text of twice"))
    -- Of plain text every line counts, but for what is behind the last line feed.
    for k = 1, n do plain[k] = k == 3 and "" or "a\0b" .. k end
    for _, ending in ipairs({ "", "\n" }) do assert.are.equal("", shown(table.concat(plain, "\n") .. ending)[1]) end
    assert.is_truthy(index_of(shown(mark .. table.concat(plain, "\r\n")), "a\0b" .. 1))
  end)

  it("are refused texts that do not fit", function()
    local function with(contents, words, embeddings)
      local file = folder .. "/wrong"
      cache_helper.write(file, contents)
      refused(words, "diversity-sequence", embeddings or input, "--start", "0", "--texts", file)
    end
    with("one\ntwo\n", "has 2 texts, and there are 8 embeddings")
    with('{"id": "Psa 1:1", "text": "a"}\n{"id": "7", "text": "b"}\n', "has no text for the item été (index 2)")
    with('{"text": "a"}\nno json\n', "line 2: is not")
    with('{"id": 1}\n', 'line 1: is not {"text": ...} or {"id": ..., "text": ...}\n')
    with('{"id": [1], "text": "a"}\n', "line 1: its id is neither a string nor a number")
    with("", "has 0 texts, and there are 8 embeddings")
    with("\n", "has 1 text, and there are 8 embeddings")
    with('[\n{"text": "a"}\n]\n', "A JSON array is made one object a line by jq -c '.[]' ")
    with("\255\254{\0", "is UTF-16 text, which is not read here. Convert it: iconv -f UTF-16 -t UTF-8 ")
    local all = cache_helper.contents(texts)
    with(all .. '{"id": "7", "text": "other"}\n', "lines 2 and 9: have one id, 7, and different texts")
    with(all:gsub('"id":"7"', '"id":null'), "line 2: has no id, and line 1 has one")
    refused("is no file of texts: it is a directory", "diversity-sequence", input, "--start", "0", "--texts", folder)
    refused("there is no such file", "diversity-sequence", input, "--start", "0", "--texts", folder .. "/none")
  end)

  it("are shown with their neighbours, and cosines", function()
    local ids, cosines = expected:neighbors(4, 1, 1)
    local document = cjson.decode(succeed("neighbors", input, "--of", "id:7", "--k", "4", "--texts", texts, "--json"))
    assert.are.same(ids[1], document.neighbors)
    for k = 1, 4 do
      assert.is_true(math.abs(cosines[1][k] - document.cosines[k]) < 1e-9)
      assert.are.equal("text of " .. IDS[ids[1][k] + 1], document.texts[k])
    end
    local text = succeed("neighbors", input, "--of", "1")
    assert.are.equal(7, select(2, text:gsub("\n", "")))
    local first = text:match("[^\n]+")
    assert.are.same({ tostring(ids[1][1]), ("%.3f"):format(cosines[1][1]) }, { first:match("^ *(%d+)  "),
      first:match("[%d.-]+$") })
    refused("--k 8 is more than the 7 other", "neighbors", input, "--of", "1", "--k", "8")
    refused("goes without CACHE", "neighbors", input, folder .. "/n.npy", "--of", "1")
    refused("--texts goes with --of", "neighbors", input, folder .. "/n.npy", "--texts", texts)
    refused("name the CACHE to make, or with --of an item", "neighbors", input)
  end)

  it("are compared, pair by pair", function()
    local matrix = expected:matrix()
    assert.are.equal(("Psa 1:1  été  %.6f\nPsa 1:1  7  %.6f\nété  7  %.6f\n"):format(matrix[1][3], matrix[1][2],
      matrix[3][2]), succeed("similarity", input, "--between", "Psa 1:1", "été", "1"))
    local document = cjson.decode(succeed("similarity", input, "--between", "0", "0", "--json"))
    assert.are.same({ { 0 }, { 0 }, { 1 } }, { document.first, document.second, document.similarities })
    refused("goes without OUTPUT", "similarity", input, folder .. "/s.npy", "--between", "0", "1")
    refused("name the OUTPUT to make, or with --between items", "similarity", input)
  end)

  it("of a walk have scores", function()
    local document = cjson.decode(succeed("diversity-sequence", input, "--start", "4", "--scores", "--json"))
    local matrix, sequence = expected:matrix(), expected:sequence(4, n)
    for k, index in ipairs(sequence) do
      local greatest
      for earlier = 2, k - 1 do
        greatest = math.max(greatest or -2, matrix[index + 1][sequence[earlier] + 1])
      end
      local function same(wanted, got)
        assert.is_true(wanted == nil and got == cjson.null or math.abs(wanted - got) < 1e-9)
      end
      same(k > 1 and matrix[index + 1][5] or nil, document.cosines_to_start[k])
      same(greatest, document.greatest_cosines_to_earlier[k])
    end
    assert.are.equal(n, select(2, succeed("diversity-sequence", input, "--start", "4", "--scores"):gsub("\n", "")))
  end)

  it("stand in exports and rows of caches", function()
    local path, output, names = folder .. "/c.npy", folder .. "/c.json", {}
    for k, id in ipairs(IDS) do names[k] = tostring(id) end
    succeed("cache", input, path, "--quiet")
    refused("several items of", "export", path, output, "--ids", input)
    refused("have no ids", "export", path, output, "--ids", folder .. "/e.npy")
    local cache = vk.load_diversity_cache(path, { embeddings = input })
    local function named(list)
      local result = {}
      for k, index in ipairs(list) do result[k] = names[index + 1] end
      return result
    end
    assert.are.same(expected:sequence(1, n), cache:row("7"))
    assert.are.same(named(expected:sequence(1, n)), cache:row("7", { as = "ids" }))
    assert.are.same(named(expected:sequence(7, n)), cache:row(7, { as = "ids" }))
    assert.is_truthy(select(2, pcall(cache.row, cache, "none")):find("no item with this id", 1, true))
    cache:close()
    cache = vk.load_diversity_cache(path, { embeddings = vk.read_embeddings(input) })
    assert.are.same(named(expected:sequence(0, n)), cache:row("Psa 1:1", { as = "ids" }))
    cache:close()
    cache = vk.load_diversity_cache(path)
    helper.assert_raises("knows no ids but indices", function() cache:row("7") end)
    helper.assert_raises("knows no ids but indices", function() cache:row(0, { as = "ids" }) end)
    cache:close()

    local list = {
      { id = "b", embedding = { 1, 0 } }, { id = "a", embedding = { 0, 1 } }, { id = 5, embedding = { -1, 0 } },
    }
    cache_helper.write(folder .. "/three.json", cjson.encode({ embeddings = list }))
    succeed("neighbors", folder .. "/three.json", folder .. "/three.npy", "--quiet")
    succeed("export", folder .. "/three.npy", output, "--ids", folder .. "/three.json")
    assert.are.same({ b = { "a", "5" }, a = { "b", "5" }, ["5"] = { "a", "b" } },
      cjson.decode(cache_helper.contents(output)).neighbors)
    refused("was made from something else", "export", folder .. "/three.npy", output, "--ids", input)
    refused("--ids goes with JSON", "export", folder .. "/three.npy", output, "--binary", "--ids", input)
  end)
end)
