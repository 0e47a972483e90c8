local cache_helper = require("cache_helper")
local helper = require("helper")
local signal = require("posix.signal")

describe("a run that is stopped", function()
  local n, d = 130, 9
  local place, path, output
  local hangup

  setup(function()
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)  -- whatever runs the tests: nohup has it ignored
    place = cache_helper.workplace(n, d)
    path, output = place.folder .. "/cache.npy", place.folder .. "/output"
  end)
  teardown(function()
    signal.signal(signal.SIGHUP, hangup)
    cache_helper.remove_folder(place)
  end)
  before_each(function() cache_helper.remove(path) end)

  local function assert_goes_on(kept)
    local text = cache_helper.must_compute(place.input, path)
    assert.is_truthy(text:find(("%d computed now, %d kept"):format(n - kept, kept), 1, true), text)
    assert.is_true(cache_helper.contents(path) == place.expected)
  end

  for name, number in pairs({ SIGINT = signal.SIGINT, SIGTERM = signal.SIGTERM, SIGHUP = signal.SIGHUP }) do
    it("by " .. name .. " finishes its batch, keeps all and says how to go on", function()
      local pid = cache_helper.start(output, place.input, path, "--batch", "1")
      cache_helper.await(function() return cache_helper.journalled(path) >= 5 end, "rows")
      cache_helper.kill(pid, number)
      local how, code = cache_helper.wait(pid)
      assert.are.same({ "exited", 128 + number }, { how, code })
      local done = cache_helper.journalled(path)
      assert.is_true(done >= 5 and done < n)
      assert.is_truthy(cache_helper.contents(output):find(
        ("stopped: %d of %d rows are kept. To go on, run the same command again"):format(done, n), 1, true))
      assert.is_false(cache_helper.exists(path))
      assert.is_false(cache_helper.exists(path .. ".lock"))
      assert_goes_on(done)
    end)
  end

  for name, number in pairs({ ["as batch systems do"] = signal.SIGTERM, ["as terminals do"] = signal.SIGHUP }) do
    it("with all the processes of its group, " .. name .. ", is stopped as by Ctrl-C", function()
      local pid = cache_helper.start_script(output, "-e", "require('posix.unistd').setpid('p', 0, 0)\n"
        .. "arg = { [0] = table.remove(arg, 1), unpack(arg) }\ndofile(arg[0])", "-",
        cache_helper.COMPUTE, place.input, path, "--batch", "1")
      cache_helper.await(function() return cache_helper.journalled(path) >= 5 end, "rows")
      assert.are.equal(0, signal.killpg(pid, number))
      assert.are.same({ "exited", 128 + number }, { cache_helper.wait(pid) })
      local done = cache_helper.journalled(path)
      local text = cache_helper.contents(output)
      assert.is_truthy(text:find(("stopped: %d of %d rows are kept"):format(done, n), 1, true), text)
      assert_goes_on(done)
    end)
  end

  it("goes on where nohup says so", function()
    local pid = cache_helper.start_script(output, "-e", "require('posix.signal').signal(1, 'SIG_IGN')\n"
      .. "arg = { [0] = table.remove(arg, 1), unpack(arg) }\ndofile(arg[0])", "-",
      cache_helper.COMPUTE, place.input, path, "--batch", "1")
    cache_helper.await(function() return cache_helper.journalled(path) >= 5 end, "rows")
    cache_helper.kill(pid, signal.SIGHUP)
    assert.are.same({ "exited", 0 }, { cache_helper.wait(pid) })
    assert.is_true(cache_helper.contents(path) == place.expected)
  end)

  it("by kill -9 in the middle of starting over leaves no reserved space beside the finished cache", function()
    cache_helper.copy(place.finished, path)
    -- Between the reservation and the journal; and with a journal that lists no rows.
    cache_helper.write(path .. ".partial", ("\0"):rep(#place.expected))
    local text = cache_helper.must_compute(place.input, path)
    assert.is_truthy(text:find("already finished", 1, true), text)
    assert.is_false(cache_helper.exists(path .. ".partial"))
    local what = require("vk_compute.cache.metadata").read(path .. ".json")
    cache_helper.write(path .. ".partial", ("\0"):rep(#place.expected))
    require("vk_compute.cache.journal").create(path .. ".journal", what, {}):close()
    text = cache_helper.must_compute(place.input, path)
    assert.is_truthy(text:find("already finished", 1, true), text)
    assert.is_false(cache_helper.exists(path .. ".partial") or cache_helper.exists(path .. ".journal"))
    assert.is_true(cache_helper.contents(path) == place.expected)
  end)

  it("before its first rows leaves nothing", function()
    local pid = cache_helper.start(output, cache_helper.PSALMS, path)
    cache_helper.await(function() return cache_helper.exists(path .. ".journal") end, "a journal")
    cache_helper.kill(pid, signal.SIGINT)
    assert.are.same({ "exited", 130 }, { cache_helper.wait(pid) })
    os.remove(output)
    assert.are.same({ "finished.npy", "finished.npy.json", "input.npy" }, cache_helper.names(place.folder))
  end)

  it("because its computing process was killed keeps what is done", function()
    local pid = cache_helper.start(output, place.input, path, "--batch", "1")
    cache_helper.await(function() return cache_helper.journalled(path) >= 5 end, "rows")
    local child = tonumber(cache_helper.contents(("/proc/%d/task/%d/children"):format(pid, pid)):match("%d+"))
    cache_helper.kill(child)
    assert.are.same({ "exited", 2 }, { cache_helper.wait(pid) })
    assert.is_truthy(cache_helper.contents(output):find("ended (killed 9), as happens where memory is short", 1, true))
    assert_goes_on(cache_helper.journalled(path))
  end)

  it("because the device was lost keeps what is done", function()
    -- The fault layer loses the device at some submission; later and later, until rows were done.
    local folder = helper.LIBRARY:match("^(.*)/[^/]*$") .. "/tests/cpp/fault_layer"
    assert.is_true(cache_helper.exists(folder .. "/fault_layer.json"), "the fault layer is not built")
    local layer = cache_helper.contents(folder .. "/fault_layer.json"):match('"name"%s*:%s*"([^"]+)"')
    local done = 0
    for submission = 1, 200 do
      local text, code = cache_helper.compute({
        VK_ADD_LAYER_PATH = folder, VK_INSTANCE_LAYERS = layer,
        VKC_FAULT_LOSE_AT_SUBMIT = submission,
      }, place.input, path, "--batch", "1")
      assert.are.equal(2, code, text)
      assert.is_truthy(text:find("VKC_ERROR_DEVICE_LOST", 1, true), text)
      done = cache_helper.journalled(path)
      if done > 3 then break end
    end
    assert.is_true(done > 3)
    assert_goes_on(done)
  end)

  it("ends its computing process with it", function()
    local pid = cache_helper.start(output, cache_helper.PSALMS, path)
    cache_helper.await(function() return cache_helper.exists(path .. ".journal") end, "a journal")
    local child = cache_helper.contents(("/proc/%d/task/%d/children"):format(pid, pid)):match("%d+")
    cache_helper.kill(pid)
    cache_helper.wait(pid)
    cache_helper.await(function()
      local state = cache_helper.contents("/proc/" .. child .. "/stat")
      return not state or state:match("%) Z ")
    end, "the end of the computing process")
  end)
end)
