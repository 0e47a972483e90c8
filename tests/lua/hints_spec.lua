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
local CASES = {
  ["comma.csv"] = "0.5,0.25\n1,0\n",
  ["semicolon.csv"] = "0.5;0.25\n1;0\n",
  ["header.csv"] = "x,y\n0.5,0.25\n1,0\n",
  ["ids.csv"] = "id,x,y\na,0.5,0.25\nb,1,0\n",
  ["it's a tab.tsv"] = "0.5\t0.25\n1\t0\n",
  ["glove.txt"] = "the 0.5 0.25\n#of 1 0\n",
  ["word2vec.txt"] = "2 2\nthe 0.5 0.25\nof 1 0\n",
  ["pandas.csv"] = 'id,embedding\n1,"[0.5, 0.25]"\n2,"[1, 0]"\n',
  ["named.csv"] = 'id,text_embedding\n1,"[0.5, 0.25]"\n2,"[1, 0]"\n',
  ["data.json"] = '{"data":[{"index":0,"embedding":[0.5,0.25]},{"index":1,"embedding":[1,0]}]}',
  ["base64 data.json"] = ('{"data":[{"index":0,"embedding":"%s"},{"index":1,"embedding":"%s"}]}')
    :format(unpack(BASE64)),
  ["base64.json"] = ('{"embeddings": [{"embedding": "%s"}, {"embedding": "%s"}]}'):format(unpack(BASE64)),
  ["base64.jsonl"] = ('{"embedding":"%s"}\n{"embedding":"%s"}\n'):format(unpack(BASE64)),
  ["typed.json"] = '{"embeddings":[{"id":"a","embedding":{"0":0.5,"1":0.25}},{"id":"b","embedding":{"1":0,"0":1}}]}',
  ["nested.json"] = '[{"index":0,"embedding":[[0.5,0.25]]},{"index":1,"embedding":[[1,0]]}]',
  ["appended.jsonl"] = '{"model":"m","embeddings":[[0.5,0.25]]}{"model":"m","embeddings":[[1,0]]}',
  ["bfloat16.npy"] = npy("<V2", "(2, 2)", "\0\63\128\62\128\63\0\0"),
  ["integers.npy"] = npy("<i2", "(2, 2)", "\2\0\1\0\4\0\0\0"),
  ["utf16.json"] = ("\255\254" .. ("[[0.5,0.25],[1,0]]"):gsub(".", "%0\0")),
  -- Made by programs, below.
  ["database.db"] = false, ["archive.npz"] = false, ["objects.npy"] = false, ["pickled.pkl"] = false,
  ["packed.json.gz"] = false,
}

local MAKE = [==[
import gzip, numpy, pickle, sqlite3
a = numpy.array([[0.5, 0.25], [1, 0]], "f4")
numpy.savez("archive.npz", name=a)
objects = numpy.empty(2, object)
objects[:] = [row for row in a]
numpy.save("objects.npy", objects, allow_pickle=True)
pickle.dump(a.tolist(), open("pickled.pkl", "wb"), protocol=4)
gzip.open("packed.json.gz", "wb").write(b"[[0.5,0.25],[1,0]]")
database = sqlite3.connect("database.db")
database.execute("create table embeddings(id text, embedding blob)")
for name, row in zip("ab", a): database.execute("insert into embeddings values(?, ?)", (name, row.tobytes()))
database.commit()
]==]

describe("hints", function()
  local folder

  before_each(function()
    folder = helper.temporary_folder()
    for name, contents in pairs(CASES) do
      if contents then cache_helper.write(folder .. "/" .. name, contents) end
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
      or text:match("(iconv [^\n]*)") or text:match("(gunzip [^\n]*)")
    assert.is_truthy(command, name .. ": " .. text)
    -- More may be said behind it.
    command = command:gsub("%. %u[%w ,:().]*$", "")
    return command, command:match("> (%S+)$") or command:find("numpy.save", 1, true) and "out.npy"
      or name:gsub("%.gz$", "")
  end

  for name in pairs(CASES) do
    it("for " .. name .. " work", function()
      local text, code = run("diversity-sequence", name, "--start", "0")
      assert.are.equal(2, code, text)
      local command, made = command_of(text, name)
      local output, ran = shell(command)
      assert.are.same({ "", 0 }, { output, ran }, command)
      local read = vk.read_embeddings(folder .. "/" .. made)
      local scale = name == "integers.npy" and 4 or 1
      assert.are.same({ 2, 2, 0.5 * scale, 0.25 * scale, 1 * scale, 0 },
        { read.n, read.d, read.data[0], read.data[1], read.data[2], read.data[3] })
    end)
  end

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
