-- What refusals advise is followed here as it is printed, on the file that was refused: then the command succeeds.

local cache_helper = require("cache_helper")
local helper = require("helper")
local vk = require("vk_compute")

local PROGRAM = helper.ROOT .. "/bin/vulkan-compute"

-- A .npy file of any type.
local function npy(descr, shape, data)
  local text = ("{'descr': '%s', 'fortran_order': False, 'shape': %s, }"):format(descr, shape)
  text = text .. (" "):rep(-(10 + #text + 1) % 64) .. "\n"
  return "\147NUMPY\1\0" .. string.char(#text % 256, math.floor(#text / 256)) .. text .. data
end

-- Every file holds the embeddings 0.5 0.25 and 1 0, in this order.
local BASE64 = { "AAAAPwAAgD4=", "AACAPwAAAAA=" }
-- Those that are read as they are.
local READ = {
  ["comma.csv"] = "0.5,0.25\n1,0\n",
  ["semicolon.csv"] = "0.5;0.25\n1;0\n",
  ["header.csv"] = "x,y\n0.5,0.25\n1,0\n",
  ["ids.csv"] = "id,x,y\na,0.5,0.25\nb,1,0\n",
  ["it's a tab.tsv"] = "0.5\t0.25\n1\t0\n",
  ["glove.txt"] = "the 0.5 0.25\n#of 1 0\n",
  ["word2vec.txt"] = "2 2\nthe 0.5 0.25\nof 1 0\n",
  ["pandas.csv"] = 'id,embedding\n1,"[0.5, 0.25]"\n2,"[1, 0]"\n',
  ["named.csv"] = 'id,text_embedding\n1,"[0.5, 0.25]"\n2,"[1, 0]"\n',
  ["data.json"] = '{"data":[{"index":1,"embedding":[1,0]},{"index":0,"embedding":[0.5,0.25]}]}',
  ["base64 data.json"] = ('{"data":[{"index":0,"embedding":"%s"},{"index":1,"embedding":"%s"}]}')
    :format(unpack(BASE64)),
  ["base64.json"] = ('{"embeddings": [{"embedding": "%s"}, {"embedding": "%s"}]}'):format(unpack(BASE64)),
  ["base64.jsonl"] = ('{"embedding":"%s"}\n{"embedding":"%s"}\n'):format(unpack(BASE64)),
  ["typed.json"] = '{"embeddings":[{"id":"a","embedding":{"0":0.5,"1":0.25}},{"id":"b","embedding":{"1":0,"0":1}}]}',
  ["nested.json"] = '[{"index":0,"embedding":[[0.5,0.25]]},{"index":1,"embedding":[[1,0]]}]',
  ["appended.jsonl"] = '{"model":"m","embeddings":[[0.5,0.25]]}{"model":"m","embeddings":[[1,0]]}',
  ["bfloat16.npy"] = npy("<V2", "(2, 2)", "\0\63\128\62\128\63\0\0"),
}

-- Those that are refused with a command.
local CASES = {
  ["numbered.csv"] = "0,0.5,0.25\n1,1.0,0.0\n",
  ["numbered.tsv"] = "7\t0.5\t0.25\n8\t1.0\t0.0\n",
  ["numbered.txt"] = "1 0.5 0.25\n2 1.0 0.0\n",
  ["commas.csv"] = "0,5;0,25\n1;0\n",
  ["commas below.csv"] = "x;y\n0.5;0.25\n1;0,0\n",
  ["integers.npy"] = npy("<i2", "(2, 2)", "\2\0\1\0\4\0\0\0"),
  ["line.npy"] = npy("|u1", "(2,)", "\2\1"),
  ["cube.npy"] = npy("|i1", "(2, 1, 2)", "\2\1\4\0"),
  ["tokens.json"] = '[{"index":0,"embedding":[[0.5,0.25],[3,4]]},{"index":1,"embedding":[[1,0],[5,6]]}]',
  ["order.json"] = '{"data":[{"index":0,"embedding":[0.5,0.25]},{"index":0,"embedding":[1,0]}]}',
  ["order nested.json"] = '[{"index":7,"embedding":[[0.5,0.25]]},{"index":8,"embedding":[[1,0]]}]',
  ["utf16.json"] = ("\255\254" .. ("[[0.5,0.25],[1,0]]"):gsub(".", "%0\0")),
  ["utf16be.json"] = ("\254\255" .. ("[[0.5,0.25],[1,0]]"):gsub(".", "\0%0")),
  ["utf16le without mark.json"] = ("[[0.5,0.25],[1,0]]"):gsub(".", "%0\0"),
  ["utf16be without mark.json"] = ("[[0.5,0.25],[1,0]]"):gsub(".", "\0%0"),
  ["long.safetensors"] = "\64\0\0\0\0\0\0\0"
    .. ('{"t":{"dtype":"I16","shape":[2,2],"data_offsets":[0,8]}}         '):sub(1, 64) .. "\2\0\1\0\4\0\0\0",
  ["cube.safetensors"] = "\64\0\0\0\0\0\0\0"
    .. ('{"t":{"dtype":"U8","shape":[1,2,2],"data_offsets":[0,4]}}        '):sub(1, 64) .. "\2\1\4\0",
  -- Made by programs, below.
  ["database.db"] = false, ["objects.npy"] = false, ["objects.npz"] = false, ["bzip2.npz"] = false,
  ["pickled.pkl"] = false, ["old.pkl"] = false, ["torch.pt"] = false, ["table.parquet"] = false,
  ["table.feather"] = false, ["store.h5"] = false, ["packed.json.gz"] = false, ["no ending"] = false,
  ["packed.json.bz2"] = false, ["packed.json.xz"] = false, ["packed.json.zst"] = false,
}

-- What of these holds others than the rest: all times 4.
local TIMES_4 = {
  ["integers.npy"] = true, ["cube.npy"] = true, ["long.safetensors"] = true, ["cube.safetensors"] = true,
}

-- Modules that are not there, since they are large or not in Debian, are stood in for by ones that read nothing but
-- these files.
local MAKE = [==[
import bz2, gzip, importlib.util, lzma, numpy, pickle, sqlite3, subprocess, zipfile
a = numpy.array([[0.5, 0.25], [1, 0]], "f4")
objects = numpy.empty(2, object)
objects[:] = [row for row in a]
numpy.save("objects.npy", objects, allow_pickle=True)
numpy.savez("objects.npz", x=objects)
numpy.save("float32.npy", a)
with zipfile.ZipFile("bzip2.npz", "w", zipfile.ZIP_BZIP2) as archive: archive.write("float32.npy", "x.npy")
pickle.dump(a.tolist(), open("pickled.pkl", "wb"), protocol=4)
pickle.dump(a, open("old.pkl", "wb"), protocol=2)
text = b"[[0.5,0.25],[1,0]]"
for name, module in (("gz", gzip), ("bz2", bz2), ("xz", lzma)): module.open("packed.json." + name, "wb").write(text)
gzip.open("no ending", "wb").write(text)
open("out.txt", "wb").write(text)
subprocess.run(["zstd", "-q", "out.txt", "-o", "packed.json.zst"], check=True)
def has(*modules): return all(importlib.util.find_spec(module) for module in modules)
def stand_in(module, text): open(module + ".py", "w").write("import numpy\n" + text)
if has("pandas", "pyarrow"):
    import pandas
    table = pandas.DataFrame({"id": ["a", "b"], "n": [1, 2], "vector": list(a)})
    table.to_feather("table.feather")
    table.set_axis([5, 9]).to_parquet("table.parquet")
else:
    open("table.parquet", "wb").write(b"PAR1" + bytes(60))
    open("table.feather", "wb").write(b"ARROW1" + bytes(60))
    stand_in("pandas", "class Column(list):\n  iloc = property(lambda self: self)\n"
             "class Table:\n  def items(self): return iter([('id', Column('ab')), ('n', Column([1, 2])),"
             " ('vector', Column([numpy.array([0.5, 0.25]), numpy.array([1, 0])]))])\n"
             "def read_parquet(path): return Table()\nread_feather = read_parquet\n")
if has("h5py"):
    import h5py
    with h5py.File("store.h5", "w") as store: store["x"] = a
else:
    open("store.h5", "wb").write(b"\x89HDF\r\n\x1a\n" + bytes(60))
    stand_in("h5py", "def File(path): return {'x': numpy.array([[0.5, 0.25], [1, 0]])}\n")
if has("torch"):
    import torch
    torch.save(torch.from_numpy(a).to(torch.bfloat16), "torch.pt")
else:
    with zipfile.ZipFile("torch.pt", "w") as archive: archive.writestr("t/data.pkl", b"")
    stand_in("torch", "class Tensor(numpy.ndarray):\n  def float(self): return self.astype('f4')\n"
             "def load(path, device): return numpy.array([[0.5, 0.25], [1, 0]]).view(Tensor)\n")
database = sqlite3.connect("database.db")
database.execute("create table embeddings(id text, embedding blob)")
for name, row in zip("ab", a): database.execute("insert into embeddings values(?, ?)", (name, row.tobytes()))
database.commit()
]==]

describe("hints", function()
  local folder

  before_each(function()
    folder = helper.temporary_folder()
    for _, files in ipairs({ READ, CASES }) do
      for name, contents in pairs(files) do
        if contents then cache_helper.write(folder .. "/" .. name, contents) end
      end
    end
    local output, code = cache_helper.shell(("cd '%s' && /usr/bin/python3 -c %s"):format(folder, helper.quoted(MAKE)))
    assert.are.same({ "", 0 }, { output, code })
  end)
  after_each(function() helper.execute("rm", "-r", folder) end)

  -- Debian's Python is the one that has Debian's NumPy.
  local function shell(command)
    return cache_helper.shell(("cd '%s' && python3() { /usr/bin/python3 \"$@\"; } && %s"):format(folder, command))
  end

  local function run(...) return shell(helper.quoted(PROGRAM, ...)) end

  -- The command that a refusal gives, and the file that it makes of the one refused.
  local function command_of(text, name)
    local command = text:match("(python3 %-c '[^\n]*)") or text:match("(jq %-c '[^\n]*)")
      or text:match("Convert it: ([^\n]*)") or text:match("(tr [^\n]*)") or text:match("(cut [^\n]*)")
    assert.is_truthy(command, name .. ": " .. text)
    -- More may be said behind it.
    command = command:gsub("%. %u[%w ,:().]*$", "")
    return command, command:find("numpy.save", 1, true) and "out.npy" or command:match("> '?([^>']+)'?$")
  end

  local function assert_holds(path, scale)
    local read = vk.read_embeddings(path)
    assert.are.same({ 2, 2, 0.5 * scale, 0.25 * scale, 1 * scale, 0 },
      { read.n, read.d, read.data[0], read.data[1], read.data[2], read.data[3] })
  end

  it("are not needed for what is read as it is", function()
    for name in pairs(READ) do assert_holds(folder .. "/" .. name, 1) end
  end)

  it("work as they are printed", function()
    for name in pairs(CASES) do
      local text, code = run("diversity-sequence", name, "--start", "0")
      assert.are.equal(2, code, text)
      local command, made = command_of(text, name)
      local output, ran = shell(command)
      assert.are.same({ "", 0 }, { output, ran }, command)
      if name == "line.npy" then
        assert.are.same({ 1, 2 }, { vk.read_embeddings(folder .. "/out.npy").n, 2 })
      else
        assert_holds(folder .. "/" .. made, TIMES_4[name] and 4 or 1)
      end
      os.remove(folder .. "/" .. made)
    end
  end)

  it("are all among these", function()
    local conversion = require("vk_compute.formats.conversion")
    local kept, used = { python = conversion.python, jq = conversion.jq }, {}
    finally(function() conversion.python, conversion.jq = kept.python, kept.jq end)
    for name, make in pairs(kept) do
      conversion[name] = function(...)
        local info = debug.getinfo(2, "Sl")
        used[info.short_src .. ":" .. info.currentline] = true
        return make(...)
      end
    end
    for name in pairs(CASES) do assert.is_false(pcall(vk.read_embeddings, folder .. "/" .. name)) end
    local count, places = 0, 0
    for _ in pairs(used) do count = count + 1 end
    for name in cache_helper.shell("ls " .. helper.quoted(helper.ROOT .. "/lua/vk_compute/formats")):gmatch("[^\n]+") do
      local source = cache_helper.contents(helper.ROOT .. "/lua/vk_compute/formats/" .. name)
      for _ in source:gmatch("conversion%.%l+%(") do places = places + 1 end
    end
    -- In conversion.lua itself two are defined.
    local list = {}
    for place in pairs(used) do list[#list + 1] = place end
    assert.are.equal(places - 2, count, table.concat(list, " "))
  end)

  it("name options that work", function()
    local function remedied(words, name, option, expected)
      local text, code = run("diversity-sequence", name, "--start", "0")
      assert.are.equal(2, code, text)
      assert.is_truthy(text:find(words, 1, true), text)
      local output, ran = shell(helper.quoted(PROGRAM, "diversity-sequence", name, "--start", "0") .. " " .. option
        .. " 2>/dev/null")
      assert.are.same({ expected, 0 }, { output, ran })
    end
    local output, code = shell("python3 -c 'import numpy; a = numpy.eye(3); numpy.savez(\"several.npz\", a=a, b=a[:2]);"
      .. "a.astype(\"f4\").tofile(\"raw\")'")
    assert.are.same({ "", 0 }, { output, code })
    remedied("several.npz has 2 arrays: a, b. Say which holds the embeddings, with the option array (--array), such as "
      .. "--array a", "several.npz", "--array a", "0\n1\n2\n")
    cache_helper.write(folder .. "/two.safetensors", string.char(109) .. ("\0"):rep(7)
      .. '{"a":{"dtype":"U8","shape":[2,1],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1,1],"data_offsets":[2,3]}}'
      .. "\1\2\3")
    remedied("such as --array a", "two.safetensors", "--array a", "0\n1\n")
    remedied("(--dim)", "raw", "--dim 3", "0\n1\n2\n")
    cache_helper.write(folder .. "/gaps.csv", 'id,embedding\na,"[1,0]"\nb,\nc,"[0,1]"\n')
    remedied('1 of 3 items have no embedding: id "b" (line 3)', "gaps.csv", "--skip-missing", "0\n1\n")
    cache_helper.write(folder .. "/gaps.json",
      '[{"id":"a","embedding":[1,0]},{"id":"b"},{"id":"c","embedding":"[0,1]"}]')
    remedied("--skip-missing", "gaps.json", "--skip-missing", "0\n1\n")
  end)

  it("show why there are no embeddings", function()
    local function refused(words, contents)
      cache_helper.write(folder .. "/answer.json", contents)
      local text, code = run("diversity-sequence", "answer.json", "--start", "0")
      assert.are.equal(2, code, text)
      assert.is_truthy(text:find(words, 1, true), text)
    end
    refused('an error: "model "m" not found, try pulling it first"',
      '{"error":"model \\"m\\" not found, try pulling it first"}')
    refused("all are empty, 2 in number. Ollama answers so", '{"embedding":[]}\n{"embedding":[]}\n')
    refused("all are empty, 0 in number. Ollama answers so", '{"model":"m","embeddings":[]}')
    refused("all are empty, 1 in number. Ollama answers so", '{"embeddings":[{"embedding":[]}]}')
    cache_helper.write(folder .. "/prose", "Lorem ipsum dolor\nsit amet\n")
    local text = run("diversity-sequence", "prose", "--start", "0")
    assert.is_truthy(text:find("Write the embeddings as JSON", 1, true), text)
  end)

  it("do not refuse a file for half a character in an id", function()
    cache_helper.write(folder .. "/e.json", '[{"id":"so happy \\ud83d","embedding":[1,2]},'
      .. '{"id":"\\ude00\\\\ud83d\\ud83d\\ude00","embedding":[2,1]}]')
    local no = "\239\191\189"
    assert.are.same({ "so happy " .. no, no .. "\\ud83d\240\159\152\128" }, vk.read_embeddings(folder .. "/e.json").ids)
  end)

  it("name the option whose value is wrong, and files that look like options", function()
    local function refused(words, ...)
      local text, code = run(...)
      assert.are.equal(2, code, text)
      assert.is_truthy(text:find(words, 1, true), text)
    end
    refused("--length: '0' is not an integer from 1", "cache", "comma.csv", "c.npy", "--length", "0")
    refused("--dim: 'x' is not an integer from 1", "diversity-sequence", "data.json", "--start", "0", "--dim", "x")
    cache_helper.write(folder .. "/-d", "[[0.5,0.25],[1,0]]")
    refused("If the file -d is meant: ./-d", "diversity-sequence", "-d", "--start", "0")
    local output, code = shell(helper.quoted(PROGRAM, "diversity-sequence", "./-d", "--start", "0") .. " 2>/dev/null")
    assert.are.same({ "0\n1\n", 0 }, { output, code })
  end)

  it("say what becomes of - and of .json", function()
    local function refused(words, ...)
      local text, code = run(...)
      assert.are.equal(2, code, text)
      assert.is_truthy(text:find(words, 1, true), text)
    end
    cache_helper.write(folder .. "/e.json", "[[0.5,0.25],[1,0]]")
    refused("- is not taken for standard output", "cache", "e.json", "-")
    refused("- is not taken for standard output", "similarity", "e.json", "-")
    refused("a cache is a .npy file: name it such, as diversity.npy. For JSON then: vulkan-compute export "
      .. "diversity.npy c.json", "cache", "e.json", "c.json")
    local output, code = run("cache", "e.json", "./-", "--quiet")
    assert.are.same({ "", 0 }, { output, code })
    -- The two commands of that advice.
    assert.are.equal(0, (select(2, run("cache", "e.json", "diversity.npy"))))
    assert.are.equal(0, (select(2, run("export", "diversity.npy", "c.json"))))
  end)

  it("are not needed for a decoded answer of Ollama", function()
    local context = helper.new()
    for _, answer in ipairs({
      { embeddings = { { 1, 2 }, { 2, 1 } } },
      { embeddings = { { id = "a", embedding = { 1, 2 } }, { embedding = { 2, 1 } } } },
    }) do
      context:upload_embeddings(answer)
      assert.are.same({ 2, 2 }, { context:embeddings_info().num_embeddings, context:embeddings_info().embedding_dim })
      assert.are.same({ 0, 1 }, context:compute_diversity_sequence(0))
    end
    context:upload_embeddings({ embedding = { 1, 2, 3 } }, { center = true })
    assert.are.same({ 1, 3 }, { context:embeddings_info().num_embeddings, context:embeddings_info().embedding_dim })
    context:shutdown()
  end)
end)
