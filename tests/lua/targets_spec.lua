-- Where results may be written: nothing is lost that is no earlier result, and nothing that is no file is
-- replaced. And what is said of files that are not what a command takes them for.

local cjson = require("cjson")
local stat = require("posix.sys.stat")
local unistd = require("posix.unistd")
local cache_helper = require("cache_helper")
local helper = require("helper")
local check_target = require("vk_compute.cache.target").check

local contents, write = cache_helper.contents, cache_helper.write

describe("the target of", function()
  local n, d = 12, 5
  local place, folder, input, finished

  setup(function() place = cache_helper.workplace(n, d) end)
  teardown(function() cache_helper.remove_folder(place) end)

  before_each(function()
    folder = helper.temporary_folder()
    input, finished = folder .. "/input.npy", folder .. "/cache.npy"
    cache_helper.write_embeddings(input, place.embeddings, n, d)
    cache_helper.copy(place.finished, finished)
  end)
  after_each(function() helper.execute("rm", "-rf", folder) end)

  -- Output, errors among it, and exit code. What hangs is a failure.
  local function run(...)
    return cache_helper.shell(helper.quoted("timeout", "60", helper.ROOT .. "/bin/vulkan-compute", ...))
  end

  local function succeed(...)
    local output, code = run(...)
    assert.are.equal(0, code, output)
    return output
  end

  -- Everything in the folder, by name.
  local function snapshot()
    local all = {}
    for _, name in ipairs(cache_helper.names(folder)) do
      local path = folder .. "/" .. name
      local info = stat.lstat(path)
      all[name] = { info.st_mode, info.st_ino, stat.S_ISREG(info.st_mode) ~= 0 and contents(path) or nil }
    end
    return all
  end

  -- One line says why not, before anything else is said, and nothing in the folder changes.
  local function refuse(words, ...)
    local before = snapshot()
    local output, code = run(...)
    assert.are.equal(2, code, output)
    assert.is_truthy(output:match("^error: [^\n]+\n$"), output)
    assert.is_truthy(output:find(words, 1, true), ("%q is not in: %s"):format(words, output))
    assert.are.same(before, snapshot())
  end

  local WRITERS = {
    export = function(target, ...) return "export", finished, target, ... end,
    ["export --binary"] = function(target, ...) return "export", finished, target, "--binary", ... end,
    similarity = function(target, ...) return "similarity", input, target, "--quiet", ... end,
    cache = function(target, ...) return "cache", input, target, "--quiet", ... end,
    neighbors = function(target, ...) return "neighbors", input, target, "--quiet", "--k", "2", ... end,
  }

  for name, words in pairs(WRITERS) do
    local function target(extension)
      return folder .. "/target" .. (extension or (name == "export" and ".json" or ".npy"))
    end

    it(name .. " replaces a file of another kind only with --force", function()
      write(target(), '  {"posts": ["mine"]}')
      refuse(target() .. " exists, and ", words(target()))
      refuse(name == "export --binary" and " is JSON, and nothing shows" or " is JSON, not a", words(target()))
      refuse(": name another file, or replace it with --force", words(target()))
      succeed(words(target(), "--force"))
      assert.is_falsy(contents(target()):find("mine", 1, true))
    end)

    it(name .. " replaces an empty file, and what it made before", function()
      write(target(), "")
      succeed(words(target()))
      local made = contents(target())
      assert.is_true(#made > 0)
      if name == "export --binary" then
        refuse(" bytes, and nothing shows that it is an earlier export", words(target()))
        succeed(words(target(), "--force"))
      else
        succeed(words(target()))
      end
      assert.is_true(made == contents(target()))
    end)

    it(name .. " does not replace the embeddings, even with --force where it is made from them", function()
      local other = folder .. "/other" .. target():match("%.%w+$")
      cache_helper.write_embeddings(other, place.embeddings, d, d)
      refuse("is a .npy file of <f4, shape (5, 5), ", words(other))
      if name:find("export", 1, true) then
        helper.execute("ln", finished, target())
        refuse("belongs to the cache", words(target(), "--force"))
      else
        refuse("holds the embeddings", words(input, "--force"))
        helper.execute("ln", "-s", input, target())
        refuse("holds the embeddings", words(target(), "--force"))
      end
    end)

    it(name .. " replaces nothing that is no file", function()
      write(folder .. "/led-to", "kept")
      local kinds = { ["a pipe"] = { "mkfifo", target() }, ["a link"] = { "ln", "-s", "led-to", target() } }
      -- Only root can make one.
      if unistd.geteuid() == 0 then kinds["a device"] = { "mknod", target(), "c", "1", "3" } end
      for kind, make in pairs(kinds) do
        helper.execute(unpack(make))
        refuse(("%s is %s, and only files are replaced"):format(target(), kind), words(target()))
        refuse(("%s is %s, and only files are replaced"):format(target(), kind), words(target(), "--force"))
        if kind == "a link" then refuse("name " .. folder .. "/led-to, to which it leads", words(target())) end
        os.remove(target())
      end
      -- As /dev/stdout is, where it leads to a file.
      helper.execute("ln", "-s", "/proc/self/fd/1", target())
      write(folder .. "/out", "")
      local before = snapshot()
      local output = cache_helper.shell(("'%s' %s >'%s/out'"):format(helper.ROOT .. "/bin/vulkan-compute",
        table.concat({ words(target(), "--force") }, " "), folder))
      assert.is_truthy(output:find("is a link, and only files are replaced", 1, true), output)
      assert.are.same(before, snapshot())
    end)

    it(name .. " says of links beside it that they are to be moved away", function()
      local suffixes = { ".lock" }
      if name == "cache" or name == "neighbors" then suffixes = { ".json", ".partial", ".journal", ".lock" } end
      for _, suffix in ipairs(suffixes) do
        write(folder .. "/led-to", "kept")
        helper.execute("ln", "-s", "led-to", target() .. suffix)
        refuse(target() .. suffix .. " is a link, and only files are replaced: move it away", words(target()))
        os.remove(target() .. suffix)
      end
    end)

    it(name .. " is refused before any work where no file can be", function()
      if name ~= "export" then
        refuse("the name of the file for", words(""))
        refuse("is a directory: name a file, such as " .. folder .. "/", words(folder))
      end
      helper.execute("mkdir", target())
      refuse("is a directory: name a file", words(target(), "--force"))
      refuse("there is no directory " .. folder .. "/none", words(folder .. "/none/out.json"))
    end)

    it(name .. " is refused before any work in a directory that cannot be written in", function()
      local readonly = folder .. "/readonly"
      helper.execute("mkdir", "-m", "555", readonly)
      -- Root may write anywhere, unless it gives that right up.
      local as_others = unistd.geteuid() == 0 and "setpriv --bounding-set=-dac_override,-dac_read_search " or ""
      local path = readonly .. "/target.json"
      local output, code = cache_helper.shell(("%sluajit '%s' '%s'"):format(as_others,
        helper.ROOT .. "/bin/vulkan-compute", table.concat({ words(path) }, "' '")))
      assert.are.same({ ("error: cannot write in %s: Permission denied\n"):format(readonly), 2 }, { output, code })
      assert.are.same({}, cache_helper.names(readonly))
    end)

    it(name .. " writes under a name of its own, and removes what earlier processes left under such a name", function()
      local kept = { target() .. ".new", target() .. ".json.new", target() .. ".mine.new", target() .. ".1234567.new" }
      for _, path in ipairs(kept) do write(path, "somebody's") end
      local left = target() .. (name:find("^[cn]") and ".json" or "") .. ".a1B2c3.new"
      write(left, "cut o")
      succeed(words(target()))
      for _, path in ipairs(kept) do assert.are.equal("somebody's", contents(path)) end
      assert.is_false(cache_helper.exists(left))
    end)

    it(name .. " keeps the permissions of what it replaces", function()
      write(target(), "")
      helper.execute("chmod", "640", target())
      succeed(words(target(), "--force"))
      assert.are.equal(tonumber("640", 8), bit.band(stat.stat(target()).st_mode, tonumber("777", 8)))
      os.remove(target())
      succeed(words(target(), "--force"))
      assert.are.equal(tonumber("644", 8), bit.band(stat.stat(target()).st_mode, tonumber("777", 8)))
    end)

    it(name .. " is refused where the file is another user's, in a folder that others may write in", function()
      if unistd.geteuid() ~= 0 then return end  -- only root can give files away
      local suffixes = name:find("^[cn]") and { "", ".json", ".partial", ".journal", ".lock" } or { "", ".lock" }
      for _, mode in ipairs({ "1777", "777" }) do
        helper.execute("chmod", mode, folder)
        for _, suffix in ipairs(suffixes) do
          write(target() .. suffix, "")
          helper.execute("chown", "nobody", target() .. suffix)
          refuse(target() .. suffix .. " belongs to the user nobody", words(target()))
          refuse(target() .. suffix .. " belongs to the user nobody", words(target(), "--force"))
          os.remove(target() .. suffix)
        end
      end
      -- A folder of that user's is that user's to spoil.
      helper.execute("chmod", "755", folder)
      helper.execute("chown", "nobody", folder)
      write(target(), "")
      helper.execute("chown", "nobody", target())
      succeed(words(target()))
    end)
  end

  for _, name in ipairs({ "cache", "neighbors", "similarity" }) do
    it(name .. " overwrites no other file that has the name of one beside it", function()
      local path = folder .. "/target.npy"
      local suffixes = name == "similarity" and { ".lock" } or { ".json", ".partial", ".lock" }
      for _, suffix in ipairs(suffixes) do
        write(path .. suffix, '{"posts": 1}')
        refuse(path .. suffix .. " exists, and is JSON, not a ", WRITERS[name](path))
        os.remove(path .. suffix)
        helper.execute("ln", "-s", "nowhere", path .. suffix)
        refuse(path .. suffix .. " is a link", WRITERS[name](path, "--force"))
        os.remove(path .. suffix)
        cache_helper.write_embeddings(path .. suffix, place.embeddings, n, d)
        refuse("holds the embeddings", name, path .. suffix, path, "--force")
        os.remove(path .. suffix)
      end
    end)
  end

  it("one file that is put in a cache's place by force leaves nothing of the cache behind", function()
    local there = folder .. "/there.npy"
    for _, words in ipairs({ { "similarity", input, there, "--quiet" }, { "export", finished, there, "--binary" },
      { "explore", input, "-o", there, "--quiet" } }) do
      cache_helper.copy(place.finished, there)
      words[#words + 1] = "--force"
      succeed(unpack(words))
      assert.is_false(cache_helper.exists(there .. ".json"))
      local text, code = run("check", there)
      assert.are.equal(1, code)
      assert.is_truthy(text:find("not a cache", 1, true), text)
      -- What is no metadata of a cache stays.
      os.remove(there)
      write(there .. ".json", '{"posts": 1}')
      succeed(unpack(words))
      assert.are.equal('{"posts": 1}', contents(there .. ".json"))
      os.remove(there .. ".json")
    end
  end)

  it("a result: a file that another process removes meanwhile is in nobody's way", function()
    local path = folder .. "/result"
    cache_helper.write(path, "something")
    local function check(is_removed)
      check_target(path, { what = "a result", example = "result", inputs = {}, files = { { path = path,
        is_earlier = function()
          if is_removed then os.remove(path) end
          error("cannot open " .. path, 0)
        end } } })
    end
    assert.has_error(check, "cannot open " .. path)
    check(true)
  end)

  it("several exports at once holds one of them whole", function()
    local target = folder .. "/target.json"
    local caches, whole = {}, {}
    for k = 1, 3 do
      caches[k] = folder .. "/cache" .. k .. ".npy"
      succeed("cache", input, caches[k], "--quiet", "--length", 4 * k)
      succeed("export", caches[k], target, "--force")
      whole[contents(target)] = true
    end
    local commands = {}
    for k = 1, 9 do
      commands[k] = helper.quoted(helper.ROOT .. "/bin/vulkan-compute", "export", caches[k % 3 + 1], target) .. " &"
    end
    for round = 1, 5 do
      -- One of them is killed.
      local output = cache_helper.shell(table.concat(commands, "\n") .. " kill -9 $!\nwait")
      for line in output:gmatch("error: ([^\n]+)") do
        assert.is_truthy(line:find(" is writing " .. target, 1, true), line)
      end
      assert.is_true(whole[contents(target)], ("round %d: half an export"):format(round))
    end
    succeed("export", caches[1], target)
    assert.is_nil(table.concat(cache_helper.names(folder), " "):find("%.new"))
  end)

  it("similarity and export is no part of a cache", function()
    cache_helper.make_partial(place, folder .. "/growing.npy", 1)
    refuse(finished .. " exists, and is a cache, not a similarity matrix", "similarity", input, finished)
    refuse("is part of the cache " .. finished .. ", not", "similarity", input, finished .. ".json")
    for _, suffix in ipairs({ ".partial", ".journal" }) do
      refuse("is part of the cache " .. folder .. "/growing.npy, not", "similarity", input,
        folder .. "/growing.npy" .. suffix)
    end
    local other = folder .. "/other.npy"
    cache_helper.copy(place.finished, other)
    refuse(other .. " exists, and", "export", finished, other, "--binary")
    refuse("is part of the cache " .. other .. ", not an export", "export", finished, other .. ".json")
    refuse(finished .. ".json belongs to the cache", "export", finished, finished .. ".json", "--force")
    refuse(finished .. " belongs to the cache", "export", finished, finished, "--binary", "--force")
  end)

  it("cache is no other's file that has the name of its lock, even where there are rows to go on from", function()
    local growing = folder .. "/growing.npy"
    cache_helper.make_partial(place, growing, 1)
    write(growing .. ".lock", "somebody's")
    refuse(growing .. ".lock exists, and is a file of 10 bytes, not a cache", "cache", input, growing)
  end)

  it("cache is no other's file that has the name of a part of it, even where there are rows to go on from", function()
    local growing = folder .. "/growing.npy"
    cache_helper.make_partial(place, growing, 1)
    for _, suffix in ipairs({ "", ".json" }) do
      write(growing .. suffix, '{"mine": 1}')
      refuse(growing .. suffix .. " exists, and ", "cache", input, growing)
      os.remove(growing .. suffix)
    end
    succeed("cache", input, growing, "--quiet")
    assert.is_true(contents(growing) == place.expected)
  end)

  it("a cache that is not finished keeps its rows, whatever else lies beside it", function()
    local growing = folder .. "/growing.npy"
    local rows = cache_helper.make_partial(place, growing, 3)
    for _, suffix in ipairs({ "", ".json", ".lock" }) do
      write(growing .. suffix, "some other file, (c) its author")
      refuse(growing .. suffix .. " exists, and is", "cache", input, growing)
      refuse("name another file, or move it away", "cache", input, growing)
      os.remove(growing .. suffix)
      assert.are.equal(rows, cache_helper.journalled(growing))
    end
    local output = succeed("cache", input, growing)
    assert.is_truthy(output:find(("%d kept from earlier"):format(rows), 1, true), output)
    assert.is_true(contents(growing) == place.expected)
  end)

  it("a cache is no pipe or link that has the name of a part of it: nothing waits for them", function()
    for _, suffix in ipairs({ ".json", ".journal", ".lock" }) do
      local path = folder .. "/piped.npy"
      cache_helper.copy(place.finished, path)
      os.remove(path .. suffix)
      helper.execute("mkfifo", path .. suffix)
      refuse(path .. suffix .. " is a pipe", "cache", input, path)
      if suffix == ".lock" then
        refuse(path .. suffix .. " exists, and is no lock", "verify", input, path, "--repair", "--quiet")
        os.remove(path .. suffix)
        write(folder .. "/12345", "12345")
        helper.execute("ln", "-s", "12345", path .. suffix)
        refuse(path .. suffix .. " exists, and is no lock", "verify", input, path, "--repair", "--quiet")
      else
        local output, code = run("check", path)
        assert.is_true(code == 1 or code == 2, output)
        assert.is_truthy(output:find("a pipe", 1, true), output)
      end
      os.remove(path .. suffix)
    end
  end)

  it("verify --repair is no other's file that has the name of its lock", function()
    write(finished .. ".lock", "somebody's")
    refuse(finished .. ".lock exists, and is no lock", "verify", input, finished, "--repair", "--quiet")
  end)

  -- ---- Files that are not what they are taken for --------------------------------------------------

  local function check(path)
    local output, code = run("check", path, "--json")
    assert.are.equal(1, code, output)
    local status = cjson.decode(output)
    return status.state, status.problems
  end

  it("check, verify and export that is no cache is called so", function()
    local site = folder .. "/site.json"
    write(site, '{"embeddings": [[1, 2], [3, 4]]}')
    assert.are.same({ "not a cache", { "it is JSON" } }, { check(site) })
    assert.are.same({ "not a cache", { "it is a directory" } }, { check(folder) })
    assert.are.same({ "not a cache", { "it is a .npy file of <f4, shape (12, 5)" } }, { check(input) })
    local text = run("check", site)
    assert.is_truthy(text:find(site .. ": not a cache\n", 1, true), text)
    assert.is_falsy(text:find("finished", 1, true), text)
    refuse(site .. " is not a cache: it is JSON", "export", site, folder .. "/q.json")
    refuse(folder .. " is not a cache: it is a directory", "export", folder, folder .. "/q.json", "--force")
    local output, code = run("verify", input, site, "--quiet")
    assert.are.same({ "error: " .. site .. " is not a cache: it is JSON\n", 1 }, { output, code })
    assert.is_falsy(run("export", site, folder .. "/q.json"):find("--force", 1, true))
    -- Rows of ids without what tells of them may be one.
    os.remove(finished .. ".json")
    assert.are.same({ "finished", { finished .. ".json is missing" } }, { check(finished) })
    refuse("there is no " .. finished .. ".json that says what it is", "cache", input, finished)
  end)

  it("commands that are given a cache as embeddings is not looked at", function()
    local site = folder .. "/site.json"
    write(site, '{"embeddings": [[1, 2], [3, 4]]}')
    local words = " looks like a cache of ids, not embeddings"
    refuse(finished .. words .. ": the order is EMBEDDINGS CACHE", "verify", finished, finished)
    refuse(finished .. words .. ": the order is EMBEDDINGS CACHE", "cache", finished, site)
    refuse(finished .. words .. ": the order is EMBEDDINGS CACHE", "cache", finished, site, "--force")
    refuse(finished .. words .. ": the order is EMBEDDINGS CACHE", "neighbors", finished, input)
    refuse(finished .. words .. ": the order is EMBEDDINGS OUTPUT", "similarity", finished, folder .. "/s.npy")
    refuse(finished .. words .. "\n", "diversity-sequence", finished, "--start", "0")
    refuse(finished .. ".json" .. words, "diversity-sequence", finished .. ".json", "--start", "0")
    os.remove(finished .. ".json")
    refuse(finished .. words, "diversity-sequence", finished, "--start", "0")
  end)
end)
