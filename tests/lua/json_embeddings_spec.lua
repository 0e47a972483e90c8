-- Embeddings in JSON and JSONL.

local cache_helper = require("cache_helper")
local embedding_file = require("vk_compute.formats.embedding_file")
local ffi = require("ffi")
local helper = require("helper")

describe("embeddings in JSON", function()
  local folder, path

  setup(function()
    folder = helper.temporary_folder()
    path = folder .. "/embeddings.json"
  end)
  teardown(function() helper.execute("rm", "-rf", folder) end)

  local function read(text, options)
    cache_helper.write(path, text)
    return embedding_file.read(path, options)
  end

  local function numbers_of(array)
    local list = {}
    for k = 1, array.n * array.d do list[k] = array.data[k - 1] end
    return list
  end

  -- Reads text and compares n, d and the numbers.
  local function reads(n, d, numbers, text, options)
    local array = read(text, options)
    assert.are.same({ n, d, n * d * 4, path }, { array.n, array.d, array.bytes, array.path })
    assert.are.same(numbers, numbers_of(array))
    return array
  end

  local function refused(words, text, options)
    cache_helper.write(path, text)
    local ok, problem = pcall(embedding_file.read, path, options)
    assert.is_false(ok, "was read: " .. text)
    assert.is_truthy(problem:find(path, 1, true), problem)
    assert.is_truthy(problem:find(words, 1, true), ("%q is not in: %s"):format(words, problem))
  end

  describe("is read", function()
    it("as Ollama's /api/embed gives it", function()
      local array = reads(2, 3, { 1, 2.5, -3, 0.25, 0, 8 },
        '{"model":"nomic-embed-text","embeddings":[[1,2.5,-3],[0.25,0,8]],"total_duration":14143917}')
      assert.are.equal("JSON", array.format)
      assert.are.equal("JSON, 2 embeddings of 3 numbers, of arrays", array.description)
      assert.is_nil(array.ids)
      assert.is_nil(array.skipped)
    end)

    it("as Ollama's /api/embeddings gives it: one", function()
      local array = reads(1, 2, { 0.5, -0.5 }, '{"embedding":[0.5,-0.5]}\n')
      assert.are.equal("JSON, 1 embedding of 2 numbers, of objects", array.description)
    end)

    it("as collections with metadata keep it, in any order of keys", function()
      local array = reads(2, 2, { 1, 2, 3, 4 }, [=[
        {
          "metadata": {"model": "a \"quoted\" [model] {", "nested": [[], {}, [{"embeddings": [9]}]]},
          "embeddings": [
            {"poem_index": 0, "id": "ab", "embedding": [1, 2]},
            {"embedding": [3, 4], "text": "]}\\", "id": "c\u00e4\ud83d\ude00\"", "poem_index": 1}
          ],
          "more": {"embedding": [7], "id": null}
        }]=])
      assert.are.same({ "ab", 'cä😀"' }, array.ids)
      assert.are.equal("JSON, 2 embeddings of 2 numbers, of objects with id and poem_index", array.description)
    end)

    it("as a bare list of arrays or of objects", function()
      assert.is_nil(reads(2, 2, { 1, 2, 3, 4 }, "[[1,2],[3,4]]").ids)
      assert.are.same({ 7, -2 }, reads(2, 1, { 1, 2 },
        '[{"id":7,"embedding":[1]},{"id":-2,"embedding":[2]}]').ids)
      reads(1, 1, { 5 }, " [ [ 5 ] ] ")
    end)

    it("as JSONL, of objects or arrays, with or without a line feed at the end", function()
      for _, last in ipairs({ "", "\n", "\r\n\n" }) do
        local array = reads(3, 2, { 1, 2, 3, 4, 5, 6 }, '{"id":"a","embedding":[1,2]}\r\n\n'
          .. '{"embedding":[3,4],"id":"b"}\n{"id":"c","embedding":[5,6]}' .. last)
        assert.are.equal("JSONL, 3 embeddings of 2 numbers, of objects with id", array.description)
        assert.are.same({ "a", "b", "c" }, array.ids)
        assert.are.equal("JSONL, 2 embeddings of 1 number, of arrays", reads(2, 1, { 1, 2 },
          "[1]\n[2]" .. last).description)
      end
      -- One that is spread over lines, as jq prints it.
      reads(2, 2, { 1, 2, 3, 4 }, '{\n  "embedding": [\n    1,\n    2\n  ]\n}\n{\n  "embedding": [3, 4]\n}\n')
    end)

    it("as answers of Ollama's /api/embed appended to one another", function()
      local array = reads(3, 2, { 1, 2, 3, 4, 5, 6 },
        '{"model":"m","embeddings":[[1,2],[3,4]]}\n{"model":"m","embeddings":[[5,6]]}\n')
      assert.are.equal("JSONL, 3 embeddings of 2 numbers, of arrays", array.description)
      refused('but an error: "model not found"', '{"error":"model not found"}\n')
      refused("line 2", '{"embeddings":[[1]]}\n{"error":"model not found"}\n')
      refused('The first error: "model not found"', '{"embeddings":[[1]]}\n{"error":"model not found"}\n')
      refused("item 2 has 1 numbers, but those before it have 2",
        '{"embeddings":[[1,2],[3,4]]}\n{"embeddings":[[5]]}\n')
    end)

    it("with ids that repeat, which are told", function()
      local function details(text)
        return read(text, { skip_missing = true }).description:match("objects(.*)$")
      end
      assert.are.equal(' with id; 2 of them have an id that one before has, first item 3 the id "a" of item 0',
        details('[{"id":"a","embedding":[1]},{"id":"b","embedding":[1]},{"id":"c","embedding":[1]},'
          .. '{"id":"a","embedding":[1]},{"id":"b","embedding":[1]}]'))
      assert.are.equal("; 1 of them has an id that one before has, first item 2 the id 7 of item 0",
        details('[{"id":7,"embedding":[1]},{"embedding":[1]},{"id":7,"embedding":[1]}]'))
      assert.are.equal(" with id", details('[{"id":7,"embedding":[1]},{"id":"7","embedding":[1]}]'))
    end)

    it("with a byte order mark and with space anywhere", function()
      reads(2, 1, { 1, 2 }, "\239\187\191[[1],[2]]")
      reads(2, 1, { 1, 2 }, "\239\187\191 \n[1]\n[2]")
      reads(2, 2, { 1, 2, 3, 4 }, "\n\t { \r\n\"embeddings\"\t:\n[ [ 1 ,\n 2 ] , [ 3 , 4 ]\n] \n}\n\n")
      reads(1, 1, { 1 }, (" "):rep(300000) .. "[" .. ("\n"):rep(300000) .. "[1]]")
    end)

    it("whatever the file is called", function()
      for _, name in ipairs({ "noending", "x.npy", "x.fbin", "x.jsonl", "x.JSON" }) do
        local other = folder .. "/" .. name
        cache_helper.write(other, "[[1,2]]")
        assert.are.equal(2, embedding_file.read(other).d)
      end
    end)

    it("with ids only where every item has one", function()
      assert.is_nil(read('[{"id":"a","embedding":[1]},{"embedding":[2]}]').ids)
      assert.is_nil(read('[{"id":"a","embedding":[1]},{"id":null,"embedding":[2]}]').ids)
      assert.is_nil(read('[{"id":["a"],"embedding":[1]}]').ids)
      assert.are.same({ "", "9007199254740993", 0.5, "a/\n" },
        read('[{"id":"","embedding":[1]},{"id":9007199254740993,"embedding":[1]},'
          .. '{"id":0.5,"embedding":[1]},{"id":"a\\/\\n","embedding":[1]}]').ids)
    end)

    it("with keys that are written with escapes", function()
      reads(1, 2, { 1, 2 }, '{"\\u0065mbedding\\u0073":[{"embe\\u0064ding":[1,2]}]}')
    end)

    it("with very long strings in what is skipped", function()
      local long = ("x]\\\"}"):rep(200000)
      reads(2, 1, { 1, 2 }, ('{"%s":"%s","embeddings":[{"text":"%s","embedding":[1]},{"embedding":[2]}]}')
        :format(long, long, long))
      -- An escape sequence at every place around where the reader reads on.
      for shift = 0, 12 do
        reads(1, 1, { 1 }, ('{"t":"%s%s","embeddings":[[1]]}'):format(
          ("a"):rep(262144 - 16 + shift), "\\u00e4\\n\\\\"))
      end
    end)
  end)

  it("gives every number as the float32 nearest to its double", function()
    local texts = {
      "0", "-0.0", "0.1", "-1e0", "1E+2", "1e-2", "123456789", "0.30000000000000004", "3.4028234663852886e38",
      "3.4028235677973362e+38", "1e-45", "7.006492321624085e-46", "7.006492321624086e-46", "1e-400",
      "1.00000005960464477539062500", "1.00000005960464477539062501", "1.000000059604644775390625000000001",
      "16777217", "16777219", "9007199254740993", "0.000000000000000000000000000001", "1e0000000000001",
      "0." .. ("0"):rep(3000) .. "1", "123456789012345678901234567890",
    }
    local row = table.concat(texts, ", ")
    local array = read("[[" .. row .. "]]")
    cache_helper.write(folder .. "/float32_of_json.py", [[
import json, sys, numpy as np
sys.stdout.write(np.array(json.load(open(sys.argv[1]))).astype('<f4').tobytes().hex())
]])
    local output, code = cache_helper.run_python(folder .. "/float32_of_json.py", path)
    assert.are.equal(0, code, output)
    assert.are.equal(output, (ffi.string(array.data, array.bytes):gsub(".", function(byte)
      return ("%02x"):format(byte:byte())
    end)))
  end)

  it("gives what Python's json writes back to the last bit, past every window", function()
    cache_helper.write(folder .. "/write_json.py", [[
import json, sys, numpy as np
array = np.load(sys.argv[1])
rows = array.astype(float).tolist()
items = [{"poem_index": k, "id": "Psalm %d" % k, "embedding": row} for k, row in enumerate(rows)]
with open(sys.argv[2] + '/collection.json', 'w') as file:
    json.dump({"metadata": {"n": len(rows)}, "embeddings": items}, file)
with open(sys.argv[2] + '/pretty.json', 'w') as file:
    json.dump(rows[:300], file, indent=1)
with open(sys.argv[2] + '/lines.jsonl', 'w') as file:
    for item in items[:300]: file.write(json.dumps(item, separators=(',', ':')) + '\n')
]])
    local output, code = cache_helper.run_python(folder .. "/write_json.py", cache_helper.PSALMS, folder)
    assert.are.equal(0, code, output)
    local expected = embedding_file.read(cache_helper.PSALMS)
    for name, n in pairs({ ["collection.json"] = 2461, ["pretty.json"] = 300, ["lines.jsonl"] = 300 }) do
      local array = embedding_file.read(folder .. "/" .. name)
      assert.are.same({ n, 512 }, { array.n, array.d })
      assert.is_true(ffi.string(array.data, array.bytes) == ffi.string(expected.data, array.bytes), name)
      if name ~= "pretty.json" then assert.are.equal("Psalm 299", array.ids[300]) end
    end
  end)

  describe("that has items without an embedding", function()
    local SOME = [[{"embeddings": [
      {"id": "a", "embedding": [1, 2]}, {"id": "b", "embedding": null}, {"id": 17}, null,
      {"id": "e", "embedding": []}, {"id": "f", "embedding": [3, 4]}]}]]

    it("is refused, with their ids", function()
      refused('4 of 6 items have no embedding: id "b" (item 1), id 17 (item 2), item 3, id "e" (item 4)', SOME)
      refused("--skip-missing", SOME)
      refused("line 2, id 5 (line 4)", '{"embedding":[1]}\nnull\n\n{"id":5,"embedding":null}\n')
      refused("item 1 (items from 0)", "[[1],[]]")
      refused("item 10, and 2 more", "[[1]" .. (",[]"):rep(12) .. "]")
    end)

    it("is read without them where the caller says so", function()
      local array = reads(2, 2, { 1, 2, 3, 4 }, SOME, { skip_missing = true })
      assert.are.same({ "a", "f" }, array.ids)
      assert.are.same({ { item = 1, id = "b", line = 2 }, { item = 2, id = 17, line = 2 },
        { item = 3, line = 2 }, { item = 4, id = "e", line = 3 } }, array.skipped)
      assert.are.equal('JSON, 2 embeddings of 2 numbers, of objects with id; 4 of 6 items have no embedding '
        .. 'and are left out: id "b" (item 1), id 17 (item 2), item 3, id "e" (item 4) (items from 0). Ids are '
        .. 'the numbers of the items kept', array.description)
      assert.are.same({}, read("[[1]]", { skip_missing = true }).skipped)
    end)

    it("is refused where nothing is left", function()
      for _, text in ipairs({ "[]", "[[]]", "[null]", '{"embeddings":[]}', '{"embedding":null}', "{}",
        '{"metadata":{}}', '{"id":1,"text":"a"}\n{"id":2,"text":"b"}\n' }) do
        refused("holds no embedding", text)
        refused("holds no embedding", text, { skip_missing = true })
      end
    end)

    it("still refuses bad numbers", function()
      refused("number 1 of item 0, both from 0, is null", "[[1,null]]", { skip_missing = true })
    end)
  end)

  describe("with poem_index", function()
    local function item(index, id)
      return ('{"id":"%s","poem_index":%s,"embedding":[1]}'):format(id or "x", index)
    end

    local function list(...)
      local items = {}
      for k, index in ipairs({ ... }) do items[k] = item(index, "id" .. k) end
      return '{"metadata":{"poem_index":9},"poem_index":5,"embeddings":[' .. table.concat(items, ",\n") .. "]}"
    end

    it("is read where it is each item's place", function()
      assert.are.equal("JSON, 3 embeddings of 1 number, of objects with id and poem_index",
        read(list(0, 1, 2)).description)
      assert.are.equal("JSONL, 2 embeddings of 1 number, of objects with poem_index",
        read('{"poem_index":0,"embedding":[1]}\n\n{"embedding":[2],"poem_index":1.0}').description)
    end)

    it("is refused where it is another number, or none", function()
      refused('line 1: poem_index of item 0 (id "id1") is 2, but must be 0', list(2, 1, 0))
      refused("Sort the list by poem_index, or number it anew", list(2, 1, 0))
      refused('line 2: poem_index of item 1 (id "id2") is 0, but must be 1', list(0, 0, 1))
      refused('poem_index of item 2 (id "id3") is 3, but must be 2', list(0, 1, 3))
      refused('(id "id1") is 1, but must be 0', list(1, 2, 3))
      for _, bad in ipairs({ "0.5", "-1", "null", "true", '"0"', "1e999", "9007199254740993" }) do
        refused("is " .. bad .. ", but must be 0", list(bad))
      end
      refused("is no number, but must be 0", list("[0]"))
      refused("is no number, but must be 0", list("{}"))
      refused('"poem_index" is in one object twice', '[{"poem_index":0,"poem_index":0,"embedding":[2]}]')
      refused("line 3: poem_index of item 1 is 2, but must be 1",
        '{"poem_index":0,"embedding":[1]}\n\n{"poem_index":2,"embedding":[1]}')
    end)

    it("is refused where only some items have it", function()
      refused("item 1 has no poem_index, but those before it have one: give one to all items, or to none",
        "[" .. item(0) .. ',{"embedding":[1]}]')
      refused('item 1 (id "x") has a poem_index, but those before it have none',
        '[{"embedding":[1]},' .. item(1) .. "]")
    end)

    it("counts items that are left out", function()
      local array = read("[" .. item(0, "a") .. ',null,{"poem_index":2,"embedding":null},' .. item(3, "d") .. "]",
        { skip_missing = true })
      assert.are.same({ { "a", "d" }, 2 }, { array.ids, array.n })
      assert.are.same({ { item = 1, line = 1 }, { item = 2, line = 1 } }, array.skipped)
      assert.is_truthy(array.description:find("Ids are the numbers of the items kept, no longer poem_index", 1, true))
      refused("line 1: poem_index of item 1 is 5, but must be 1",
        "[" .. item(0) .. ',{"poem_index":5},' .. item(2) .. "]",
        { skip_missing = true })
      refused('item 1 (id "b") has no poem_index', "[" .. item(0) .. ',{"id":"b"},' .. item(2) .. "]",
        { skip_missing = true })
      -- As if the missing one did not count.
      refused('poem_index of item 2 (id "c") is 1, but must be 2', "[" .. item(0) .. ",null," .. item(1, "c") .. "]",
        { skip_missing = true })
    end)
  end)

  describe("is refused, with its place,", function()
    it("where a number is none, or is not finite", function()
      refused("line 1, column 5 (both from 1; byte 4, from 0): number 1 of item 0, both from 0, is null", "[[1,null]]")
      refused("is NaN: compute this embedding again", "[[NaN]]")
      refused("is NaN", "[NaN,1]\n[1,2]\n")
      refused("is Infinity", "[[1],[Infinity]]")
      refused("here is '-Infinity]]'", "[[1],[-Infinity]]")
      refused("line 2, column 2 (both from 1; byte 7, from 0): number 0 of item 1, both from 0, is too large for float",
        "[[1],\n[1e39]]")
      refused("is too large for float32", "[[3.4028235677973366e+38]]")
      refused("is too large for float32", "[[-1e999]]")
      refused('number 1 of item 0 (id "x"), both from 0,', '[{"id":"x","embedding":[1,true]}]')
      refused("here is '\"1\"]]'", '[["1"]]')
      refused("here is '[1]]]'", "[[[1]]]")
      for _, bad in ipairs({ "01", "-01", "+1", ".5", "1.", "-", "--1", "0x10", "-0x1", "1e", "1e+", "1.5.2", "1,,2",
        "1,", ",1", "1 2", "1_0", "inf", "nan", "-nan", "-inf", "1f",
        "-nan(0xfffffffffffff)", "-NAN(1)", "0X1" }) do
        refused("should follow, but here is", "[[0," .. bad .. "]]")
      end
      refused("more than 4095 digits", "[[" .. ("1"):rep(300000) .. "]]")
    end)

    it("where rows differ in length", function()
      refused("item 2 has 3 numbers, but those before it have 2", "[[1,2],[3,4],[5,6,7]]")
      refused("line 2, column 23", '{"id":1,"embedding":[1,2]}\n{"id":2,"embedding":[3]}\n')
      refused('item 1 (id "x") has 1 numbers', '[[1,2],{"id":"x","embedding":[3]}]')
    end)

    it("where kinds of items mix, or an item is neither", function()
      refused("items before item 1 are arrays, but it is one of the objects", '[[1],{"embedding":[2]}]')
      refused("items before item 1 are objects, but it is one of the arrays", '{"embedding":[2]}\n[1]')
      refused("an embedding (an array of numbers, or an object that has one) should follow", "[[1],2]")
      refused("the embedding of item 0 is base64 of 3 bytes, which are no float32", '{"embedding":"AAAA"}')
      refused('an array of embeddings should follow, but here is \'{"a":[1]}}\'', '{"embeddings":{"a":[1]}}')
    end)

    it("where a key that counts is there twice", function()
      refused('line 1, column 18 (both from 1; byte 17, from 0): the key "embeddings" is in one object twice',
        '{"embeddings":[],"embeddings":[[1]]}')
      refused('"embedding" is in one object twice', '{"embedding":[1],"embedding":[2]}')
      refused('"id" is in one object twice', '[{"id":1,"id":2,"embedding":[2]}]')
      refused('both "embeddings" and "embedding"', '{"embedding":[1],"embeddings":[[1]]}')
    end)

    it("where it is cut off anywhere", function()
      local whole = '{"m": {"a": ["x\\u00e4", true, -1.5e3]}, "embeddings": [{"id": "a", "embedding": [1, 2]}]}'
      reads(1, 2, { 1, 2 }, whole)
      for length = 1, #whole - 1 do refused("cut off", whole:sub(1, length)) end
    end)

    it("and is not called cut off where all is there", function()
      for _, text in ipairs({ "null", "true", "12", "tru", "[[1]] x", "[[1]]\nx", "[1] 2", "[1]\n12", "[1]\ntrue",
        '{"embedding":[1]} null', "[[1]x]", "[[1],2]" }) do
        cache_helper.write(path, text)
        local ok, problem = pcall(embedding_file.read, path)
        assert.is_false(ok)
        assert.is_truthy(problem:find("should follow, but here is", 1, true), problem)
        assert.is_nil(problem:find("cut off", 1, true), problem)
      end
      refused("cut off", "[1]\nnul")
    end)

    it("where it is garbled", function()
      refused("the end of the file, or another one like that before, should follow", "[[1]] {}")
      refused("the end of the file, or another one like that before, should follow", '{"embedding":[1]} null')
      refused("a comma or ']' should follow, but here is '}'", "[[1]}")
      refused("a comma or '}' should follow", '{"embedding":[1]]')
      refused("a colon should follow", '{"embedding" [1]}')
      refused("a key in quotation marks should follow", "{embedding:[1]}")
      refused("a key in quotation marks should follow", '{"embedding":[1],}')
      refused("a value should follow", '{"a":[1,],"embedding":[1]}')
      refused("a value should follow", '{"a":nul,"embedding":[1]}')
      refused("an escape sequence, in a string, should follow", '{"a\\x":1,"embedding":[1]}')
      refused("an escape sequence, in a string, should follow", '{"a":"\\u12g4","embedding":[1]}')
      refused("the byte 0x0a in it", '{"embedding":[1],"id":"a\n{"id":"b","embedding":[1]}')
      refused("here is the byte 0x00", "[[1],\0[2]]")
      refused("nested more than 512 deep", '{"a":' .. ("["):rep(100000))
    end)
  end)

  it("without an embedding is refused with the keys that it has", function()
    refused('the first of which has the keys "vector": an item is an array of numbers, or an object with one under '
      .. '"embedding"; a list of items may be under "embeddings"', '{"vector":[1]}')
    refused('but an error: "model not found"', '{"error":"model not found"}')
    refused('the keys "object", "data":', '{"object":"list","data":[{"index":0,"vector":[1]}]}')
    refused('the keys "id", "vector?":', '{"metadata":{},"embeddings":[{"id":1,"vector\\n":[1]},{"a":1}]}')
    refused("holds no embedding, in 1 item(s): an item is", "{}")
    refused("all are empty, 0 in number", '{"embeddings":[]}')
  end)

  it("is refused whole where its name says JSON and nothing in it does", function()
    refused("JSON, an object or an array, should follow, but here is 'hello'", "hello")
    refused("cut off", " \n ")
    refused("is empty", "")
  end)
end)
