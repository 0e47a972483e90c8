local cjson = require("cjson")
local cache_helper = require("cache_helper")

local rate = require("vk_compute.cache.rate")

describe("check-diversity-progress.lua", function()
  local n, d = 130, 9
  local place, path

  setup(function()
    place = cache_helper.workplace(n, d)
    path = place.folder .. "/cache.npy"
  end)
  teardown(function() cache_helper.remove_folder(place) end)
  before_each(function() cache_helper.remove(path) end)

  local function check(expected_code)
    local text, code = cache_helper.run(cache_helper.CHECK, path, "--json")
    assert.are.equal(expected_code, code, text)
    return cjson.decode(text)
  end

  it("tells of a cache that is not there", function()
    local status = check(1)
    assert.are.same({ path = path, state = "missing", problems = {} }, status)
  end)

  it("tells of a finished one", function()
    cache_helper.copy(place.finished, path)
    local status = check(0)
    assert.are.equal("finished", status.state)
    assert.are.same({ n, n, n, d, n, false }, { status.done, status.total, status.n, status.d,
      status.length, status.centered })
    assert.are.equal(32, #status.fingerprint)
    assert.are.same({}, status.problems)
    assert.is_nil(status.writer)
  end)

  it("tells of a stopped one", function()
    local done = cache_helper.make_partial(place, path, 20)
    local status = check(0)
    assert.are.same({ "stopped", done, n }, { status.state, status.done, status.total })
    assert.is_true(status.rate > 0)
    assert.is_nil(status.eta)
    local text, code = cache_helper.run(cache_helper.CHECK, path)
    assert.are.equal(0, code)
    assert.is_truthy(text:find(("rows         %d of %d"):format(done, n), 1, true), text)
  end)

  it("tells of a running one, and does not disturb it", function()
    local pid = cache_helper.start(place.folder .. "/output", place.input, path, "--batch", "1")
    local seen, running = 0, 0
    repeat
      local text = cache_helper.run(cache_helper.CHECK, path, "--json")
      local status = cjson.decode(text)
      assert.are.same({}, status.problems, text)
      if status.writer then
        assert.are.equal(pid, status.writer)
        running = running + 1
      end
      if status.done then
        assert.is_true(status.done >= seen, text)
        seen = status.done
      end
    until status.state == "finished"
    assert.are.same({ "exited", 0 }, { cache_helper.wait(pid) })
    assert.is_true(running > 0)
    assert.is_true(cache_helper.contents(path) == place.expected)
  end)

  it("watches until there is no writer", function()
    local pid = cache_helper.start(place.folder .. "/output", cache_helper.PSALMS, path)
    cache_helper.await(function() return cache_helper.exists(path .. ".journal") end, "a journal")
    local killer = ("(sleep 2.5; kill -9 %d) &"):format(pid)
    local text = cache_helper.shell(("%s luajit '%s' '%s' --watch --json"):format(killer,
      cache_helper.CHECK, path))
    cache_helper.wait(pid)
    local states = {}
    for line in text:gmatch("[^\n]+") do states[#states + 1] = cjson.decode(line).state end
    assert.is_true(#states >= 2, text)
    assert.are.same({ "running", "stopped" }, { states[1], states[#states] })
  end)

  it("names what is wrong", function()
    cache_helper.copy(place.finished, path)
    cache_helper.flip(path .. ".json", 90)
    assert.is_truthy(check(1).problems[1]:find("damaged", 1, true))
    os.remove(path .. ".json")
    assert.are.equal(path .. ".json is missing", check(1).problems[1])
    cache_helper.copy(place.finished, path)
    cache_helper.write(path, place.expected:sub(1, -2))
    assert.is_truthy(check(1).problems[1]:find("bytes long and should be", 1, true))
    cache_helper.write(path, "x" .. place.expected:sub(2))
    assert.is_truthy(check(1).problems[1]:find("the header", 1, true))
    cache_helper.make_partial(place, path, 20)
    cache_helper.flip(path .. ".journal", #cache_helper.contents(path .. ".journal") - 10)
    assert.are.equal(path .. ".journal has 1 damaged lines", check(1).problems[1])
    local text, code = cache_helper.run_program("check", path .. ".partial")
    assert.are.equal(1, code, text)
    assert.is_truthy(text:find("it is part of the cache " .. path, 1, true), text)
    os.remove(path .. ".partial")
    assert.is_truthy(table.concat(check(1).problems):find(".partial is missing", 1, true))
  end)

  it("is what --status prints", function()
    cache_helper.copy(place.finished, path)
    local text = cache_helper.compute(place.input, path, "--status")
    assert.are.equal((cache_helper.run(cache_helper.CHECK, path)), text)
  end)
end)

describe("the rate", function()
  local function samples(...)
    local list = {}
    for k, pair in ipairs({ ... }) do list[k] = { time = pair[1], done = pair[2] } end
    return list
  end

  it("is not known before the first rows", function()
    assert.is_nil(rate.estimate({}))
    assert.is_nil(rate.estimate(samples({ 10, 0 })))
    assert.is_nil(rate.estimate(samples({ 10, 0 }, { 10, 5 })))
  end)

  it("leaves out the time before the first rows, where it can", function()
    assert.are.equal(1, rate.estimate(samples({ 0, 0 }, { 10, 10 })))
    assert.are.equal(5, rate.estimate(samples({ 0, 0 }, { 10, 10 }, { 12, 20 })))
  end)

  it("is that of the last half minute", function()
    assert.are.equal(2, rate.estimate(samples({ 0, 0 }, { 10, 1000 }, { 20, 2000 }, { 60, 2080 })))
  end)
end)
