-- Each call of the system that a run makes fails once, with each error that it can have: the run says so in words and
-- fails, no file is wrong and none is left over, and the same run again ends well.
--
-- All is real but the device, whose work would take hours in so many runs.

local errno = require("posix.errno")
local ffi = require("ffi")
local unistd = require("posix.unistd")
local cache_helper = require("cache_helper")
local export = require("vk_compute.cache.export")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local helper = require("helper")
local matrix_file = require("vk_compute.cache.matrix_file")
local reader = require("vk_compute.cache.reader")
local target = require("vk_compute.cache.target")
local verify = require("vk_compute.cache.verify")
local walks_in_order = require("walks_in_order")
local writer = require("vk_compute.cache.writer")

local N, D = 6, 2

local VK = walks_in_order(N, 2)

-- The calls that can fail, and how: functions of files raise in words, those of lua-posix return nil and a message.
local CALLS = {
  { module = files, name = "open", errors = { "EIO", "EMFILE", "ENOSPC" } },
  { module = files, name = "open_temporary", errors = { "EIO", "EMFILE", "ENOSPC" } },
  { module = files, name = "write", errors = { "EIO", "ENOSPC" } },
  { module = files, name = "resize", errors = { "EIO" } },
  { module = files, name = "reserve", errors = { "EIO", "ENOSPC" } },
  { module = files, name = "sync", errors = { "EIO", "ENOSPC" } },
  { module = files, name = "sync_names", errors = { "EIO", "EMFILE" } },
  { module = files, name = "rename", errors = { "EIO", "ENOSPC" } },
  { module = files, name = "memory", errors = { "ENOMEM" } },
  { module = files, name = "map", errors = { "ENOMEM", "EMFILE" } },
  { module = unistd, name = "pipe", errors = { "EMFILE" } },
  { module = unistd, name = "fork", errors = { "EAGAIN", "ENOMEM" } },
}

describe("a failing call", function()
  local folder, path, output, embeddings, expected

  local function compute()
    return writer.run({
      path = path, embeddings = embeddings, vk = VK, batch = 2, report = function() end, plan = function() end,
      notice = function() end, stop = function() return 0 end,
    })
  end

  setup(function()
    folder = helper.temporary_folder()
    path, output = folder .. "/cache.npy", folder .. "/out.json"
    local data = ffi.new("float[?]", N * D)
    for k = 0, N * D - 1 do data[k] = k % 5 - 1 end
    embeddings = { data = data, n = N, d = D, bytes = 4 * N * D, path = folder .. "/none" }
    compute()
    expected = cache_helper.contents(path)
  end)
  teardown(function() helper.execute("rm", "-rf", folder) end)

  -- Runs work while the k-th call of a function fails. Whether there was a k-th; and how work ended.
  local function with_failure(call, k, error_name, work)
    local real, count = call.module[call.name], 0
    call.module[call.name] = function(...)
      count = count + 1
      if count ~= k then return real(...) end
      local number = errno[error_name]
      if call.module ~= files then return nil, errno.errno(number), number end
      fail("cannot %s: %s", call.name, (errno.errno(number)))
    end
    local ok, problem = pcall(work)
    call.module[call.name] = real
    return count >= k, ok, problem
  end

  local function check_problem(where, call, error_name, problem)
    assert.are.equal("string", type(problem), where)
    assert.is_truthy(problem:find((errno.errno(errno[error_name])), 1, true), where .. ": " .. problem)
    assert.is_nil(problem:find("%.lua:%d"), where .. ": " .. problem)
    assert.is_nil(problem:find("--force", 1, true), where .. ": " .. problem)
    assert.is_truthy(call)
  end

  local function each_failure(begin, work, check)
    local tried, survived = 0, 0
    for _, call in ipairs(CALLS) do
      for _, error_name in ipairs(call.errors) do
        local k, was_made = 1, true
        while was_made do
          begin()
          local ok, problem
          was_made, ok, problem = with_failure(call, k, error_name, work)
          local where = ("%s number %d, %s"):format(call.name, k, error_name)
          if was_made then
            tried = tried + 1
            if ok then survived = survived + 1 else check_problem(where, call, error_name, problem) end
            check(where, ok)
          end
          k = k + 1
        end
      end
    end
    return tried, survived
  end

  it("of a run loses nothing and leaves nothing", function()
    local tried, survived = each_failure(function()
      for _, name in ipairs(cache_helper.names(folder)) do os.remove(folder .. "/" .. name) end
    end, compute, function(where, ok)
      local bytes = cache_helper.contents(path)
      assert.is_true(bytes == nil or bytes == expected, where)
      if ok then assert.is_true(bytes == expected, where) end
      local result = compute()
      assert.is_true(cache_helper.contents(path) == expected, where)
      assert.are.equal("finished", (result.outcome:gsub("^already ", "")), where)
      assert.are.same({ "cache.npy", "cache.npy.json" }, cache_helper.names(folder), where)
      local cache = reader.load(path)
      assert.are.same({ 2, 3, 4, 5, 0, 1 }, cache:row(2), where)
      cache:close()
    end)
    print(("\n%d calls of runs failed, %d of them without harm"):format(tried, survived))
    assert.is_true(tried > 80)
  end)

  it("of an export leaves the earlier one or the new one", function()
    compute()
    export.json(path, output)
    local exported = cache_helper.contents(output)
    local tried, survived = each_failure(function()
      cache_helper.write(output, "earlier")
    end, function() export.json(path, output, { force = true }) end, function(where, ok)
      local text = cache_helper.contents(output)
      assert.is_true(text == exported or not ok and text == "earlier", where)
      assert.are.same({ "cache.npy", "cache.npy.json", "out.json" }, cache_helper.names(folder), where)
    end)
    print(("\n%d calls of exports failed, %d of them without harm"):format(tried, survived))
    assert.is_true(tried > 15)
  end)

  it("of a similarity matrix leaves the earlier one or the new one", function()
    local matrix = folder .. "/matrix.npy"
    local function write_matrix()
      target.locked(matrix, function()
        matrix_file.write(matrix, VK.Context, { report = function() end, stop = function() return 0 end })
      end)
    end
    write_matrix()
    local whole = cache_helper.contents(matrix)
    local tried, survived = each_failure(function()
      cache_helper.write(matrix, "earlier")
    end, write_matrix, function(where, ok)
      local text = cache_helper.contents(matrix)
      assert.is_true(text == whole or not ok and text == "earlier", where)
      write_matrix()
      assert.is_true(cache_helper.contents(matrix) == whole, where)
      for _, name in ipairs(cache_helper.names(folder)) do
        assert.is_nil(name:match("^matrix.npy.") or nil, where .. ": " .. name)
      end
    end)
    os.remove(matrix)
    print(("\n%d calls of matrices failed, %d of them without harm"):format(tried, survived))
    assert.is_true(tried > 15)
  end)

  it("of a repair loses no row, and the next one ends well", function()
    compute()
    local function repaired()
      return verify.run({
        path = path, embeddings = embeddings, vk = VK, repair = true, report = function() end,
        stop = function() return 0 end,
      })
    end
    local place = #expected - 4 * N * N
    local tried, survived = each_failure(function()
      -- The second row, and the length.
      cache_helper.write(path, expected:sub(1, -5))
      cache_helper.flip(path, place + 4 * N + 1)
    end, repaired, function(where, ok)
      local bytes = cache_helper.contents(path)
      for row = 0, N - 2 do
        local first = place + 4 * N * row + 1
        local same = bytes:sub(first, first + 4 * N - 1) == expected:sub(first, first + 4 * N - 1)
        assert.is_true(same or row == 1 and not ok, where .. ", row " .. row)
      end
      if not ok then repaired() end
      assert.is_true(cache_helper.contents(path) == expected, where)
      assert.are.same({}, repaired().problems, where)
      assert.are.same({ "cache.npy", "cache.npy.json", "out.json" }, cache_helper.names(folder), where)
    end)
    print(("\n%d calls of repairs failed, %d of them without harm"):format(tried, survived))
    assert.is_true(tried > 20)
  end)
end)
