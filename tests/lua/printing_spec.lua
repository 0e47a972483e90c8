-- What reaches a terminal: line feeds of our own messages as such, and no byte from outside that a terminal heeds.

local cjson = require("cjson")
local cache_helper = require("cache_helper")
local helper = require("helper")
local printable = require("vk_compute.system.printable")
local xxhash = require("vk_compute.system.xxhash")

local PROGRAM = helper.ROOT .. "/bin/vulkan-compute"
-- Line feed, escape sequences of ASCII, C1 controls in UTF-8 and as bare bytes, an order of writing turned round.
local HOSTILE = "a\n  health  all is well\27]0;title\7\27[2J\194\155[31m\155[31m\226\128\174b\127\r\t"

describe("what is printed", function()
  local n, d = 12, 5
  local place, folder

  setup(function() place = cache_helper.workplace(n, d) end)
  teardown(function() cache_helper.remove_folder(place) end)
  before_each(function() folder = helper.temporary_folder() end)
  after_each(function() helper.execute("rm", "-rf", folder) end)

  local function run(...) return cache_helper.shell(helper.quoted("timeout", "60", PROGRAM, ...)) end

  local function assert_clean(output)
    assert.is_falsy(output:find("[%z\1-\9\11-\31\127]"), ("%q"):format(output))
    assert.is_falsy(output:find("\194[\128-\159]"), ("%q"):format(output))
    assert.is_falsy(output:find("\226\128\174", 1, true), ("%q"):format(output))
    assert.is_true(printable.utf8(output) == output, ("%q"):format(output))
    assert.is_falsy(output:find("\n  health  all is well", 1, true), output)
  end

  -- Gives members of a cache's metadata other values, and the checksum that belongs to them.
  local function forge(path, values)
    local body = cache_helper.contents(path .. ".json"):match('^(.*),\n  "checksum": "%x+"\n}\n$')
    for name, value in pairs(values) do
      local count
      body, count = body:gsub(('"%s": "[^"]*"'):format(name), function()
        return ('"%s": %s'):format(name, cjson.encode(value))
      end)
      assert.are.equal(1, count)
    end
    cache_helper.write(path .. ".json", ('%s,\n  "checksum": "%s"\n}\n'):format(body, xxhash.hex128(body, #body)))
  end

  it("of a cache from somewhere else holds nothing that a terminal heeds", function()
    local path = folder .. "/cache.npy"
    cache_helper.copy(place.finished, path)
    forge(path, { device = HOSTILE, date = "\27[8m\194\133", library_version = HOSTILE })
    for _, words in ipairs({ { "check", path }, { "check", path, "--json" }, { "cache", place.input, path },
      { "cache", place.input, path, "--json" }, { "cache", place.input, path, "--center" },
      { "verify", place.input, path }, { "verify", place.input, path, "--json" }, { "report", place.input, path },
      { "export", path, folder .. "/out.json" }, { "export", path, folder .. "/out.json", "--json" } }) do
      assert_clean((run(unpack(words))))
    end
    forge(path, { fingerprint = HOSTILE })
    for _, words in ipairs({ { "check", path }, { "cache", place.input, path }, { "verify", place.input, path } }) do
      assert_clean((run(unpack(words))))
    end
  end)

  it("of names holds nothing that a terminal heeds, whether there is such a file or not", function()
    local strange = folder .. "/" .. HOSTILE:gsub("/", "")
    local texts = strange .. ".jsonl"
    local function try_all()
      for _, words in ipairs({
        { "diversity-sequence", strange, "--start", "0" }, { "diversity-sequence", place.input, "--start", HOSTILE },
        { "diversity-sequence", place.input, "--start", "0", "--texts", texts },
        { "similarity", strange, strange .. ".s" }, { "similarity", place.input, strange .. "/none/s" },
        { "similarity", place.input, folder, "--device", HOSTILE }, { "cache", strange, strange .. ".c" },
        { "neighbors", strange, strange .. ".n" }, { "check", strange .. ".c" }, { "verify", strange, strange .. ".c" },
        { "report", strange, strange .. ".c" }, { "export", strange .. ".c", strange .. ".json" },
        { "check", strange .. ".c", HOSTILE }, { HOSTILE }, { "check", "--" .. HOSTILE },
        { "plan", "--rows", HOSTILE, "--dim", "1" }, { "devices", "--json" .. HOSTILE },
      }) do
        assert_clean((run(unpack(words))))
      end
    end
    try_all()
    cache_helper.write_embeddings(strange, place.embeddings, n, d)
    cache_helper.write(texts, "one text\n")
    try_all()
    local output = cache_helper.shell(("VKC_LIBRARY=%s %s"):format(helper.quoted(strange .. ".so"),
      helper.quoted(PROGRAM, "devices")))
    assert_clean(output)
  end)

  it("of ids, texts and keys holds nothing that a terminal heeds", function()
    local input, texts = folder .. "/e.json", folder .. "/texts.jsonl"
    local hostile = HOSTILE:gsub("\155", "")
    local items, lines = {}, {}
    for k = 1, 4 do
      items[k] = { id = hostile .. k, embedding = { k, 1, -k } }
      lines[k] = cjson.encode({ id = hostile .. k, text = hostile .. " text" })
    end
    cache_helper.write(input, cjson.encode(items))
    cache_helper.write(texts, table.concat(lines, "\n"))
    for _, words in ipairs({ { "diversity-sequence", input, "--start", "0", "--texts", texts },
      { "diversity-sequence", input, "--start", "0", "--texts", texts, "--json" },
      { "neighbors", input, "--of", "1", "--texts", texts }, { "similarity", input, "--between", "0", "1" } }) do
      local output, code = run(unpack(words))
      assert.are.equal(0, code, output)
      assert_clean(output)
    end
    for _, text in ipairs({ cjson.encode({ [hostile] = { 1, 2 } }), cjson.encode({ error = hostile }),
      cjson.encode({ { id = hostile, embedding = { 1, 2 } }, { id = hostile, embedding = { 1 } } }),
      cjson.encode({ { id = hostile, embedding = { 1, 2 } }, { id = hostile } }), HOSTILE, "[1," .. HOSTILE }) do
      cache_helper.write(input, text)
      assert_clean((run("diversity-sequence", input, "--start", "0")))
    end
  end)

  it("of our own messages keeps its lines", function()
    local output = run("neighbours", "a", "b")
    assert.is_truthy(output:find("unknown command 'neighbours'\nDid you mean 'neighbors'?\n", 1, true), output)
    output = run("devices", "--jsn")
    assert.is_truthy(output:find("unknown option '--jsn'\nDid you mean '--json'?\n", 1, true), output)
    output = cache_helper.shell("VKC_LIBRARY=/nowhere.so " .. helper.quoted(PROGRAM, "devices"))
    assert.is_truthy(output:find("Tried:\n  /nowhere.so (VKC_LIBRARY)\nSet VKC_LIBRARY", 1, true), output)
  end)

  it("of progress on a terminal stays in one line of it", function()
    local ran, code = cache_helper.run_python("-c", [[
import fcntl, os, pty, struct, sys, termios
columns = int(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.execv(sys.argv[2], sys.argv[2:])
text = b""
while True:
    try:
        part = os.read(terminal, 65536)
    except OSError:
        break
    if not part: break
    text += part
bars = [part.split(b"\x1b")[0].split(b"\n")[-1] for part in text.split(b"\r") if part.endswith(b"\x1b[K")]
assert os.waitpid(pid, 0)[1] == 0, text
assert any(bar.startswith(b"building") or bar.startswith(b"[") for bar in bars), text
assert max(len(bar) for bar in bars) < columns, max(bars, key=len)
print("fits")
]], "60", PROGRAM, "cache", cache_helper.PSALMS, folder .. "/cache.npy", "--length", "20")
    assert.are.same({ "fits\n", 0 }, { ran, code })
  end)
end)

describe("text made printable", function()
  it("keeps what is harmless, and shows the rest", function()
    for text, shown in pairs({
      ["\195\164\226\130\172\240\159\152\128 a"] = "\195\164\226\130\172\240\159\152\128 a",
      ["a\nb\rc\td"] = "a\\nb\\rc\\td", ["\0\27\127"] = "\\x00\\x1b\\x7f",
      ["\194\155\194\160"] = "\\xc2\\x9b\194\160", ["\155\255\195"] = "\\x9b\\xff\\xc3",
      ["\226\128\174\226\129\166"] = "\\xe2\\x80\\xae\\xe2\\x81\\xa6", ["\237\160\128"] = "\\xed\\xa0\\x80",
    }) do
      assert.are.equal(shown, printable.line(text))
      assert.are.equal(shown, printable.line(shown))
    end
    assert.are.equal("a\nb\\x1b\n", printable.text("a\nb\27\n"))
    assert.are.equal("of a\\nb:\n  1", printable.format("of %s:\n  %d", "a\nb", 1))
  end)

  it("goes into a shell, and into Python, and comes out as it was", function()
    for _, text in ipairs({ "plain.json", "it's", "a b", "a\nb\27[1m'\\", "-x", "$HOME `id` \"q\"" }) do
      local output = cache_helper.shell("bash -c " .. helper.quoted("printf %s " .. printable.shell_word(text)))
      assert.are.equal(text, output)
      output = cache_helper.run_python("-c", "import sys; sys.stdout.write(" .. printable.python_string(text) .. ")")
      assert.are.equal(text, output)
    end
  end)
end)
