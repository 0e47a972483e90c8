-- One run on several devices: the same driver listed several times. VKC_DEVICE_KILLS: how many of its computing
-- processes are killed, where 50 are not enough.

local cache_helper = require("cache_helper")
local clock = require("vk_compute.system.clock")
local helper = require("helper")
local signal = require("posix.signal")
local stdlib = require("posix.stdlib")

local KILLS = tonumber(os.getenv("VKC_DEVICE_KILLS") or 50)
local N, D = 150, 16
local DEVICES = { "--devices", "0,0,0" }

local function children_of(pid)
  local list = {}
  for child in (cache_helper.contents(("/proc/%d/task/%d/children"):format(pid, pid)) or ""):gmatch("%d+") do
    list[#list + 1] = tonumber(child)
  end
  return list
end

describe("several devices", function()
  local place, path, output

  setup(function()
    place = cache_helper.workplace(N, D)
    path, output = place.folder .. "/cache.npy", place.folder .. "/output"
  end)
  teardown(function() cache_helper.remove_folder(place) end)
  before_each(function() cache_helper.remove(path) end)

  local function start(...)
    return cache_helper.start(output, place.input, path, "--batch", "1", DEVICES[1], DEVICES[2], ...)
  end

  local function assert_goes_on(kept)
    local text = cache_helper.must_compute(place.input, path, unpack(DEVICES))
    assert.is_truthy(text:find(("%d computed now, %d kept"):format(N - kept, kept), 1, true), text)
    assert.is_true(cache_helper.contents(path) == place.expected)
  end

  it("compute the same, and say how much each did", function()
    for _, words in ipairs({ DEVICES, { "--devices", "all" }, { "--devices", "0" },
      { "--devices=0,llvmpipe", "--batch", "7" } }) do
      local text = cache_helper.must_compute(place.input, path, unpack(words))
      assert.is_true(cache_helper.contents(path) == place.expected)
      local device, sum, count = text:match("\n  device       ([^\n]*)"), 0, 0
      for rows in device:gmatch("%((%d+) rows%)") do sum, count = sum + rows, count + 1 end
      assert.is_true(count == 0 or sum == N and count > 1, device)
      assert.are.equal(device, require("vk_compute.cache.metadata").read(path .. ".json").device)
      cache_helper.remove(path)
    end
    local ids = place.folder .. "/neighbors.npy"
    local text, code = cache_helper.run(cache_helper.NEIGHBORS, place.input, ids, "--k", "5")
    assert.are.equal(0, code, text)
    text, code = cache_helper.run(cache_helper.NEIGHBORS, place.input, path, "--k", "5", unpack(DEVICES))
    assert.are.equal(0, code, text)
    assert.is_true(cache_helper.contents(path) == cache_helper.contents(ids))
  end)

  describe("that are all there are", function()
    local drivers

    -- A driver is there twice where two manifests name it.
    setup(function()
      local manifest = cache_helper.shell("ls /usr/share/vulkan/icd.d/lvp_icd*.json"):match("[^\n]+")
      cache_helper.copy(manifest, place.folder .. "/again.json")
      drivers = os.getenv("VK_ADD_DRIVER_FILES")
      stdlib.setenv("VK_ADD_DRIVER_FILES", place.folder .. "/again.json")
    end)
    teardown(function() stdlib.setenv("VK_ADD_DRIVER_FILES", drivers) end)

    local function shares_in(text)
      local shares = {}
      for rows in text:match("\n  device       ([^\n]*)"):gmatch("%((%d+) rows%)") do shares[#shares + 1] = rows end
      return shares
    end

    it("share what takes one of them long", function()
      local whole, words = place.folder .. "/whole.npy", { "--length", "500" }
      cache_helper.must_compute(cache_helper.PSALMS, whole, unpack(words))
      local text = cache_helper.must_compute(cache_helper.PSALMS, path, "--devices", "all", unpack(words))
      assert.is_true(cache_helper.contents(path) == cache_helper.contents(whole))
      local shares = shares_in(text)
      assert.are.equal(2, #shares, text)
      assert.are.equal(2461, shares[1] + shares[2])
    end)

    it("leave to one what it soon has done", function()
      local text = cache_helper.must_compute(place.input, path, "--devices", "all", "--batch", "1")
      assert.is_true(cache_helper.contents(path) == place.expected)
      assert.are.same({}, shares_in(text))
    end)

    -- Ends the process of the first of a short run.
    local function end_first()
      local pid = cache_helper.start(output, place.input, path, "--batch", "1", "--devices", "all")
      cache_helper.await(function() return cache_helper.journalled(path) >= 5 end, "rows")
      cache_helper.kill(children_of(pid)[1])
      local how, code = cache_helper.wait(pid)
      assert.are.equal("exited", how)
      return code, cache_helper.contents(output)
    end

    it("are opened where that one is lost", function()
      local code, text = end_first()
      assert.are.equal(0, code, text)
      assert.is_truthy(text:find("(killed 9), as happens where memory is short. Its rows go", 1, true), text)
      assert.is_true(cache_helper.contents(path) == place.expected)
    end)

    -- Of two devices the one that is opened first, which fails each time: another program may have it for itself.
    it("are opened where that one cannot be", function()
      local script = [[
        package.path = %q .. package.path
        local vk, cache = require("vk_compute"), require("vk_compute.cache")
        local broken = setmetatable({ new = function(options)
          if %s then error("taken", 0) end
          return vk.new(options)
        end }, { __index = vk })
        local ok, result = pcall(cache.compute, { vk = broken, path = %q, embeddings = vk.read_embeddings(%q),
          devices = "all", report = function() end, plan = function() end, notice = print,
          stop = function() return 0 end })
        print(ok and result.outcome .. " by " .. #result.devices or result)]]
      local function run(condition)
        local text, code = helper.run_script(script:format(helper.ROOT .. "/lua/?.lua;", condition, path, place.input),
          {})
        assert.are.equal(0, code, text)
        return text
      end
      assert.are.equal("device 0: taken. Its rows go to the other devices\nfinished\n",
        (run("not options.device or options.device == '0'"):gsub(" by %d", "")))
      assert.is_true(cache_helper.contents(path) == place.expected)
      cache_helper.remove(path)
      local text = run("true")
      assert.is_truthy(text:find("device [01]: taken\n$"), text)
      assert.is_false(cache_helper.exists(path .. ".partial"))
    end)

    it("end the run where there was but that one", function()
      stdlib.setenv("VK_ADD_DRIVER_FILES", drivers)
      local code, text = end_first()
      stdlib.setenv("VK_ADD_DRIVER_FILES", place.folder .. "/again.json")
      assert.are.equal(2, code, text)
      assert.is_truthy(text:find("memory is short; rows reported done are kept", 1, true), text)
      assert.is_nil(text:find("Its rows go to", 1, true), text)
      assert_goes_on(cache_helper.journalled(path))
    end)

    it("are told by a reason where there is none", function()
      local text, code = cache_helper.compute({ VK_DRIVER_FILES = "/nowhere.json" }, place.input, path, "--devices",
        "all")
      assert.are.equal(2, code, text)
      assert.is_truthy(text:find("error: no Vulkan driver is found", 1, true), text)
      assert.is_false(cache_helper.exists(path) or cache_helper.exists(path .. ".partial"))
    end)
  end)

  it("that are not there, or are told wrongly, are named", function()
    for list, message in pairs({ ["0,99"] = "device 99: no device matches '99'", ["0,,1"] = "no list such as 0,1,3",
      [""] = "no list such as 0,1,3" }) do
      local text, code = cache_helper.compute(place.input, path, "--devices=" .. list)
      assert.are.equal(2, code, text)
      assert.is_truthy(text:find(message, 1, true), text)
    end
    local text, code = cache_helper.compute(place.input, path, "--devices", "0", "--device", "0")
    assert.are.equal(2, code)
    assert.is_truthy(text:find("--device or --devices, not both", 1, true), text)
    assert.is_false(cache_helper.exists(path) or cache_helper.exists(path .. ".partial"))
  end)

  it("work while one of them still opens, and do not wait for it at the end", function()
    -- Stopped processes stand for a device that is slow beyond measure.
    local pid = start()
    local slow = cache_helper.await(function() return children_of(pid)[1] end, "a computing process")
    cache_helper.kill(slow, signal.SIGSTOP)
    assert.are.same({ "exited", 0 }, { cache_helper.wait(pid) })
    assert.is_true(cache_helper.contents(path) == place.expected)
    -- One that has rows in hand.
    cache_helper.remove(path)
    pid = start()
    cache_helper.await(function() return cache_helper.journalled(path) >= 20 end, "rows")
    cache_helper.kill(children_of(pid)[2], signal.SIGSTOP)
    assert.are.same({ "exited", 0 }, { cache_helper.wait(pid) })
    assert.is_true(cache_helper.contents(path) == place.expected)
  end)

  it(("of which %d end at random moments leave the same bytes"):format(KILLS), function()
    local seed = os.time()
    math.randomseed(seed)
    local began = clock.monotonic()
    assert.are.same({ "exited", 0 }, { cache_helper.wait(start()) })
    local span = clock.monotonic() - began
    local kills, with_rows, runs = 0, 0, 0
    while kills < KILLS do
      local context = ("seed %d, kill %d"):format(seed, kills)
      cache_helper.remove(path)
      local pid, killed = start(), 0
      runs = runs + 1
      -- Two of three, so that one is left.
      for turn = 1, 2 do
        -- At some time, or once there are some rows: these come at the end of a short run, most of which is opening.
        if math.random() < 0.3 then
          cache_helper.sleep(math.random() * span / 2)
        else
          local rows = math.random(1, N / 2) + (turn - 1) * N / 4
          cache_helper.await(function()
            return cache_helper.exists(path .. ".json") or cache_helper.journalled(path) >= rows
          end, "rows")
        end
        local list = children_of(pid)
        local child = #list > 1 and list[(kills + turn) % #list + 1]
        if child and not cache_helper.exists(path .. ".json") then
          if cache_helper.journalled(path) > 0 then with_rows = with_rows + 1 end
          cache_helper.kill(child)
          killed = killed + 1
        end
      end
      assert.are.same({ "exited", 0 }, { cache_helper.wait(pid) }, context)
      assert.is_true(cache_helper.contents(path) == place.expected, context)
      -- One that had nothing more to do when it was killed is no loss.
      local text = cache_helper.contents(output)
      local _, notices = text:gsub("the computing process ended %(killed 9%)[^.]*%. Its rows go to the other", "")
      assert.is_true(notices <= killed, context .. "\n" .. text)
      kills = kills + notices
    end
    print(("\n%d kills of computing processes, %d with rows done, in %d runs"):format(kills, with_rows, runs))
    assert.is_true(with_rows > KILLS / 4)
  end)

  it("of which all end keep what is done", function()
    local pid = start()
    cache_helper.await(function() return cache_helper.journalled(path) >= 5 end, "rows")
    for _, child in ipairs(children_of(pid)) do cache_helper.kill(child) end
    assert.are.same({ "exited", 2 }, { cache_helper.wait(pid) })
    local text = cache_helper.contents(output)
    assert.is_truthy(text:find("memory is short; rows reported done are kept", 1, true), text)
    local _, notices = text:gsub("Its rows go to the other devices", "")
    assert.are.equal(2, notices, text)
    assert_goes_on(cache_helper.journalled(path))
  end)

  for name, number in pairs({ ["Ctrl-C"] = signal.SIGINT, ["SIGTERM to all"] = signal.SIGTERM }) do
    it("stopped with " .. name .. " keep all and say how to go on", function()
      local pid = cache_helper.start_script(output, "-e", "require('posix.unistd').setpid('p', 0, 0)\n"
        .. "arg = { [0] = table.remove(arg, 1), unpack(arg) }\ndofile(arg[0])", "-",
        cache_helper.COMPUTE, place.input, path, "--batch", "1", unpack(DEVICES))
      cache_helper.await(function() return cache_helper.journalled(path) >= 5 end, "rows")
      assert.are.equal(0, signal.killpg(pid, number))
      assert.are.same({ "exited", 128 + number }, { cache_helper.wait(pid) })
      local done = cache_helper.journalled(path)
      local text = cache_helper.contents(output)
      assert.is_truthy(text:find(("stopped: %d of %d rows are kept"):format(done, N), 1, true), text)
      assert_goes_on(done)
    end)
  end

  it("killed with the run leave nothing behind", function()
    local pid = start()
    cache_helper.await(function() return cache_helper.journalled(path) >= 5 end, "rows")
    local children = children_of(pid)
    assert.are.equal(3, #children)
    cache_helper.kill(pid)
    cache_helper.wait(pid)
    for _, child in ipairs(children) do
      cache_helper.await(function()
        local state = cache_helper.contents("/proc/" .. child .. "/stat")
        return not state or state:match("%) Z ")
      end, "the end of a computing process")
    end
    assert_goes_on(cache_helper.journalled(path))
  end)

  it("in the Lua module are a list, or all", function()
    local text, code = helper.run_script(([[
      package.path = %q .. package.path
      local vk, cache = require("vk_compute"), require("vk_compute.cache")
      local result = cache.compute({ vk = vk, path = %q, embeddings = vk.read_embeddings(%q), devices = { "0", "0" },
        batch = 5, report = function() end, plan = function() end, notice = print, stop = function() return 0 end })
      print(result.outcome, #result.devices, result.devices[1].rows + result.devices[2].rows)]]):format(
      helper.ROOT .. "/lua/?.lua;", path, place.input), {})
    assert.are.equal(0, code, text)
    assert.is_truthy(text:find(("finished\t2\t%d"):format(N), 1, true), text)
    assert.is_true(cache_helper.contents(path) == place.expected)
  end)
end)
