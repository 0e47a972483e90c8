-- What commands tell of their input and device before results that are other than expected.

local cjson = require("cjson")
local cache_helper = require("cache_helper")
local helper = require("helper")
local vk = require("vk_compute")

local PROGRAM = helper.ROOT .. "/bin/vulkan-compute"

describe("notes", function()
  local folder, input

  before_each(function()
    folder = helper.temporary_folder()
    input = folder .. "/e.json"
  end)
  after_each(function() helper.execute("rm", "-r", folder) end)

  -- Output, exit code, standard error.
  local function run(...)
    local output, code = cache_helper.shell(helper.quoted(PROGRAM, ...) .. " 2>'" .. folder .. "/errors'")
    return output, code, cache_helper.contents(folder .. "/errors")
  end

  local function notes_of(...)
    local output, code, notes = run(...)
    assert.are.equal(0, code, output .. notes)
    return notes
  end

  -- Rows of the same length in different directions, some of which are changed.
  local function write(changed)
    local rows = {}
    for k = 0, 39 do
      local row = { math.sin(k), math.cos(k), math.sin(3 * k), math.cos(7 * k), 1 }
      for c, value in ipairs(row) do row[c] = value * (changed[k] or 1) end
      rows[k + 1] = { id = "id " .. k, embedding = row }
    end
    cache_helper.write(input, cjson.encode({ embeddings = rows }))
    return rows
  end

  -- Every command that reads embeddings.
  local function commands()
    return {
      { "diversity-sequence", input, "--start", "1", "--length", "3" },
      { "neighbors", input, "--of", "1" },
      { "similarity", input, folder .. "/s.npy" },
      { "similarity", input, "--between", "0", "1" },
      { "cache", input, folder .. "/c.npy", "--length", "3" },
      { "verify", input, folder .. "/c.npy" },
      { "neighbors", input, folder .. "/n.npy", "--k", "3" },
      { "report", input },
    }
  end

  it("name all-zero embeddings, in every command that reads them", function()
    write({ [7] = 0, [30] = 0 })
    for _, words in ipairs(commands()) do
      assert.is_truthy(notes_of(unpack(words)):find("note: 2 of 40 embeddings are all zeros: rows 7 (id id 7), 30 (id "
        .. "id 30).", 1, true), words[1])
    end
    local output = run("cache", input, folder .. "/c.npy", "--length", "3", "--json")
    assert.is_truthy(cjson.decode(output).notices[1]:find("are all zeros", 1, true), output)
    write({})
    for _, words in ipairs(commands()) do
      if words[1] ~= "verify" then
        words[#words + 1] = (words[3] or ""):find("npy", 1, true) and "--force" or nil
        assert.is_falsy(notes_of(unpack(words)):find("zero", 1, true), words[1])
      end
    end
  end)

  it("advise --skip-zero, which leaves them out as if they had never been there", function()
    local rows = write({ [0] = 0, [7] = 0, [39] = 0 })
    local without = {}
    for k, row in ipairs(rows) do
      if k ~= 1 and k ~= 8 and k ~= 40 then without[#without + 1] = row end
    end
    cache_helper.write(folder .. "/without.json", cjson.encode({ embeddings = without }))
    local expected = run("diversity-sequence", folder .. "/without.json", "--start", "5")
    local output, code, notes = run("diversity-sequence", input, "--start", "5", "--skip-zero")
    assert.are.same({ expected, 0 }, { output, code })
    assert.is_falsy(notes:find("zero", 1, true), notes)
    local read, other = vk.read_embeddings(input, { skip_zero = true }), vk.read_embeddings(folder .. "/without.json")
    assert.are.same({ other.n, other.ids, {} }, { read.n, read.ids, read.zero_rows })
    assert.is_truthy(read.description:find("3 of 40 embeddings are all zeros and are left out: rows 0, 7, 39", 1, true))
    assert.are.same({ 0, 7, 39 }, vk.read_embeddings(input).zero_rows)
    local all = {}
    for k = 0, 39 do all[k] = 0 end
    write(all)
    output, code, notes = run("diversity-sequence", input, "--start", "0", "--skip-zero")
    assert.are.same({ "", 2 }, { output, code })
    assert.is_truthy(notes:find("all 40 embeddings are all zeros: compute them again", 1, true), notes)
  end)

  it("name the row whose norm makes the weights of others round away, and only such", function()
    write({ [12] = 1e10 })
    for _, words in ipairs(commands()) do
      local notes = notes_of(unpack(words))
      assert.is_truthy(notes:find("note: the norm of row 12 (id id 12) is up to ", 1, true), notes)
      assert.is_truthy(notes:find("the weights of 39 of them round away", 1, true), notes)
    end
    -- What it advises: that row again.
    write({})
    local expected = run("diversity-sequence", input, "--start", "5")
    assert.is_falsy(notes_of("diversity-sequence", input, "--start", "5"):find("norm", 1, true))
    -- Far apart, but each still has a weight.
    write({ [12] = 1e4 })
    assert.is_falsy(notes_of("diversity-sequence", input, "--start", "5"):find("norm", 1, true))
    assert.are_not.equal("", expected)
  end)

  it("say that the CPU computes, where nobody asked for it", function()
    write({})
    local is_cpu = vk.list_devices()[1].type == "CPU" and #vk.list_devices() == 1
    local words = { "diversity-sequence", input, "--start", "0" }
    assert.are.equal(is_cpu, notes_of(unpack(words)):find(", the CPU, computes", 1, true) ~= nil)
    local into_file = { "cache", input, folder .. "/c.npy" }
    assert.are.equal(is_cpu, notes_of(unpack(into_file)):find(", the CPU, computes", 1, true) ~= nil)
    into_file = { "verify", input, folder .. "/c.npy" }
    assert.are.equal(is_cpu, notes_of(unpack(into_file)):find(", the CPU, computes", 1, true) ~= nil)
    words[5], words[6] = "--device", "0"
    assert.is_falsy(notes_of(unpack(words)):find("the CPU, computes", 1, true))
    words[5], words[6] = "--json", nil
    assert.are.equal("", notes_of(unpack(words)))
  end)
end)

describe("a decimal comma", function()
  local folder

  setup(function() folder = helper.temporary_folder() end)
  teardown(function() helper.execute("rm", "-r", folder) end)

  it("that a program sets, before or after it loads JSON, makes no cache unreadable", function()
    helper.execute("localedef", "-i", "de_DE", "-f", "UTF-8", folder .. "/de_DE.UTF-8")
    local place = cache_helper.workplace(6, 3)
    local path = place.finished
    for _, order in ipairs({ "before", "after" }) do
      local script = ([[
        package.path = "%s/lua/?.lua;" .. package.path
        local function set() assert(os.setlocale("de_DE.UTF-8")) end
        if "%s" == "before" then set() end
        local cjson = require("cjson")
        local vk = require("vk_compute")
        set()
        local cache = vk.load_diversity_cache("%s", { embeddings = vk.read_embeddings("%s") })
        assert(cache.n == 6 and cache:row(2)[1] == 2)
        local status = require("vk_compute.cache").status("%s")
        assert(not status.problems[1], status.problems[1])
        local json = require("vk_compute.system.json")
        assert(json.encode(0.5) == "0.5" and json.decode("[0.25]")[1] == 0.25)
        -- The program's own goes on working in its locale.
        assert(cjson.encode(0.5) == "0.5" and cjson.decode("[0.25]")[1] == 0.25)
        assert(os.setlocale() == "de_DE.UTF-8")]]):format(helper.ROOT, order, path, place.input, path)
      cache_helper.write(folder .. "/script.lua", script)
      local output, code = cache_helper.run({ LOCPATH = folder }, folder .. "/script.lua")
      assert.are.same({ "", 0 }, { output, code })
    end
    cache_helper.remove_folder(place)
  end)
end)
