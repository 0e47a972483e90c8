local cache_helper = require("cache_helper")
local helper = require("helper")
local lock = require("vk_compute.system.lock")
local unistd = require("posix.unistd")

describe("the lock", function()
  local folder, path

  setup(function()
    folder = helper.temporary_folder()
    path = folder .. "/file.lock"
  end)
  teardown(function() helper.execute("rm", "-rf", folder) end)

  -- Runs Lua text in another process, with lock and path at hand. Its output.
  local function elsewhere(text)
    local output, code = helper.run_script(([[
      package.path = %q .. package.path
      local lock, path = require("vk_compute.system.lock"), %q
      %s]]):format(helper.ROOT .. "/lua/?.lua;", path, text), {})
    assert.are.equal(0, code, output)
    return output
  end

  it("keeps others out, and tells them who holds it", function()
    local held = assert(lock.acquire(path))
    assert.are.equal(("nil %d\n"):format(unistd.getpid()), elsewhere([[
      local held, holder = lock.acquire(path)
      print(tostring(held) .. " " .. holder.pid)]]))
    assert.are.equal(("process %d\n"):format(unistd.getpid()), elsewhere("print(lock.name(lock.holder(path)))"))
    lock.release(held)
    assert.are.equal("nil\n", elsewhere("print(lock.holder(path))"))
    assert.is_false(cache_helper.exists(path))
  end)

  it("is none where its holder has removed the file since it was seen", function()
    assert.is_true(lock.begins(folder .. "/removed.lock"))
    assert.has_error(function() lock.begins(folder) end)
  end)

  it("keeps this process out too", function()
    local held = assert(lock.acquire(path))
    assert.are.same({ nil, { pid = unistd.getpid() } }, { lock.acquire(path) })
    assert.are.same({ pid = unistd.getpid() }, lock.holder(path))
    -- Asking did not lose it.
    assert.are.equal(unistd.getpid() .. "\n", elsewhere("print(lock.holder(path).pid)"))
    lock.release(held)
  end)

  it("is one however its path is spelled", function()
    helper.execute("ln", "-s", folder, folder .. "/link")
    helper.execute("mkdir", folder .. "/below")
    local here, name = unistd.getcwd(), path:match("[^/]*$")
    assert(unistd.chdir(folder) == 0)
    local spelled = {}
    for k, before in ipairs({ "", "./", "below/../", folder .. "/", folder .. "//", folder .. "/link/" }) do
      spelled[k] = before .. name
    end
    local ok, problem = pcall(function()
      for _, first in ipairs(spelled) do
        local held = assert(lock.acquire(first))
        for _, other in ipairs(spelled) do
          assert.are.same({ nil, { pid = unistd.getpid() } }, { lock.acquire(other) })
          assert.are.same({ pid = unistd.getpid() }, lock.holder(other))
          assert.is_true(lock.begins(other))
        end
        -- It was not lost with one of these.
        assert.are.equal(unistd.getpid() .. "\n", elsewhere("print(lock.holder(path).pid)"))
        lock.release(held)
        assert.is_nil(lock.holder(path))
      end
    end)
    unistd.chdir(here)
    assert.is_true(ok, problem)
  end)

  it("is recognised by its file: process ids are the same in several containers", function()
    -- Another holder with this process's id, which has removed the file and made it again after it was opened here.
    local getpid, open = unistd.getpid, require("posix.fcntl").open
    local held = assert(lock.acquire(path))
    local first = cache_helper.contents(path)
    assert.are.equal(tostring(getpid()), first:match("^%d+"))
    lock.release(held)
    local replaced = 0
    require("posix.fcntl").open = function(name, flags, ...)
      if name == path and replaced < 3 and require("bit").band(flags, require("posix.fcntl").O_RDWR) == 0 then
        replaced = replaced + 1
        os.remove(path)
        cache_helper.write(path, first)
      end
      return open(name, flags, ...)
    end
    local ok, again = pcall(lock.acquire, path)
    require("posix.fcntl").open = open
    assert.is_true(ok, again)
    assert.are.equal(3, replaced)
    lock.release(again)
  end)

  it("names the host of a holder, and gives no advice to stop what is on another", function()
    local held = assert(lock.acquire(path))
    assert.is_nil(lock.holder(path).host)
    -- By another process: this one would lose the lock by closing the file.
    local script = "cd '%s' && sed 's/ [^ ]* / elsewhere /' file.lock >other; cat other >file.lock; rm other"
    cache_helper.shell(script:format(folder))
    assert.are.equal(("process %d on elsewhere\n"):format(unistd.getpid()),
      elsewhere("print(lock.name(lock.holder(path)))"))
    local message = elsewhere([[
      print(select(2, pcall(require("vk_compute.cache.target").locked, path:gsub("%.lock$", ""), print)))]])
    assert.is_truthy(message:find("on elsewhere is writing", 1, true), message)
    assert.is_truthy(message:find("stop it there\n", 1, true), message)
    assert.is_nil(message:find("kill", 1, true), message)
    lock.release(held)
  end)

  it("may hold anything that a loss of power leaves of it", function()
    for _, left in ipairs({ "", ("\0"):rep(40), "123", "123\n", "123 host", "123 host 0123456789abcdef\n",
      "123 host 01\0\0\0\0\0", "\0\0\0st 0123456789abcdef\n", "1 host 01\nef\n" }) do
      cache_helper.write(path, left)
      assert.is_true(lock.begins(path), left)
      lock.release(assert(lock.acquire(path)))
    end
    for _, other in ipairs({ "somebody's", "12x", ("\0"):rep(4096), "\0{}" }) do
      cache_helper.write(path, other)
      assert.is_false(lock.begins(path), other)
    end
    os.remove(path)
  end)

  it("does not outlive a process", function()
    elsewhere([[
      assert(lock.acquire(path))
      os.exit(0)]])
    assert.is_true(cache_helper.exists(path))
    assert.is_nil(lock.holder(path))
    lock.release(assert(lock.acquire(path)))
  end)

  it("is taken by one of many at a time", function()
    -- Each adds 1 to a number in a file, unprotected but by the lock, which comes and goes.
    local counter = folder .. "/counter"
    cache_helper.write(counter, "0")
    local script = os.tmpname()
    cache_helper.write(script, ([[
      package.path = %q .. package.path
      local lock = require("vk_compute.system.lock")
      local added = 0
      while added < 50 do
        local held = lock.acquire(%q)
        if held then
          local file = io.open(%q)
          local number = file:read("*n")
          file:close()
          file = io.open(%q, "w")
          file:write(number + 1)
          file:close()
          added = added + 1
          lock.release(held)
        end
      end]]):format(helper.ROOT .. "/lua/?.lua;", path, counter, counter))
    local output, code = cache_helper.shell(("for k in 1 2 3 4; do luajit '%s' & done; wait"):format(script))
    os.remove(script)
    assert.are.equal(0, code, output)
    assert.are.equal("", output)
    assert.are.equal("200", cache_helper.contents(counter))
  end)
end)
