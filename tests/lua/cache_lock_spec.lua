local cache_helper = require("cache_helper")
local helper = require("helper")
local lock = require("vk_compute.system.lock")
local unistd = require("posix.unistd")

describe("the lock", function()
  local folder, path

  setup(function()
    folder = helper.temporary_folder()
    path = folder .. "/lock"
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
      local held, pid = lock.acquire(path)
      print(tostring(held) .. " " .. pid)]]))
    assert.are.equal(unistd.getpid() .. "\n", elsewhere("print(lock.holder(path))"))
    lock.release(held)
    assert.are.equal("nil\n", elsewhere("print(lock.holder(path))"))
    assert.is_false(cache_helper.exists(path))
  end)

  it("keeps this process out too", function()
    local held = assert(lock.acquire(path))
    assert.are.same({ nil, unistd.getpid() }, { lock.acquire(path) })
    assert.are.equal(unistd.getpid(), lock.holder(path))
    -- Asking did not lose it.
    assert.are.equal(unistd.getpid() .. "\n", elsewhere("print(lock.holder(path))"))
    lock.release(held)
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
