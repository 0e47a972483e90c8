local cache_helper = require("cache_helper")
local helper = require("helper")
local signal = require("posix.signal")

describe("a full disk", function()
  local n, d = 130, 9
  local place

  setup(function() place = cache_helper.workplace(n, d) end)
  teardown(function() cache_helper.remove_folder(place) end)

  -- A file system of its own where this user may mount one; else nil.
  local function small_disk(kibibytes)
    local folder = place.folder .. "/disk"
    helper.execute("mkdir", "-p", folder)
    local _, code = cache_helper.shell(("mount -t tmpfs -o size=%dk none '%s'"):format(kibibytes, folder))
    return code == 0 and folder or nil
  end

  local function unmount(folder)
    helper.execute("umount", folder)
  end

  -- Files limited in size stand for the disk: in this shell's units of 512 bytes.
  local function compute_limited(blocks, ...)
    local words = { ... }
    for k, word in ipairs(words) do words[k] = "'" .. word .. "'" end
    return cache_helper.shell(("ulimit -f %d; luajit '%s' %s"):format(blocks, cache_helper.COMPUTE,
      table.concat(words, " ")))
  end

  local function assert_fails(words, text, code)
    assert.are.equal(2, code, text)
    assert.is_truthy(text:find("error: ", 1, true), text)
    assert.is_truthy(text:find(words, 1, true), text)
  end

  it("at the reservation is a clear error and leaves nothing", function()
    local path = place.folder .. "/cache.npy"
    local text, code = compute_limited(100, place.input, path)
    assert_fails("File too large", text, code)
    assert_fails(("cannot reserve %d bytes for %s.partial"):format(#place.expected, path), text, code)
    assert_fails("ulimit -f has a limit. Name a cache file elsewhere", text, code)
    for _, suffix in ipairs({ "", ".partial", ".journal", ".lock" }) do
      assert.is_false(cache_helper.exists(path .. suffix))
    end
    local disk = small_disk(48)
    if disk then
      text, code = cache_helper.compute(place.input, disk .. "/cache.npy")
      local left = cache_helper.names(disk)
      unmount(disk)
      assert_fails("No space left on device (", text, code)
      assert_fails("bytes are free in " .. disk .. "): make room", text, code)
      assert.are.same({}, left)
    end
  end)

  it("at the journal keeps what is done, and the run goes on once there is room", function()
    local expected_path = place.folder .. "/expected.npy"
    cache_helper.must_compute(place.input, expected_path, "--length", "1")
    local expected = cache_helper.contents(expected_path)
    -- With rows of one id the journal is the larger file. Where this user may not mount, its size is limited;
    -- not elsewhere, since Mesa 25's lavapipe keeps a device's memory in files, too.
    local disk = small_disk(12)
    local path = (disk or place.folder) .. "/cache.npy"
    local text, code
    if disk then
      text, code = cache_helper.compute(place.input, path, "--length", "1", "--batch", "1")
    else
      text, code = compute_limited(8, place.input, path, "--length", "1", "--batch", "1")
    end
    local done = cache_helper.journalled(path)
    if disk then helper.execute("mount", "-o", "remount,size=1m", disk) end
    local again, code_again = cache_helper.compute(place.input, path, "--length", "1")
    local bytes = cache_helper.contents(path)
    if disk then unmount(disk) else cache_helper.remove(path) end
    assert_fails(("cannot write to %s.journal: %s"):format(path, disk and "No space left on device"
      or "File too large"), text, code)
    assert.is_true(done > 0 and done < n)
    assert.are.equal(0, code_again, again)
    assert.is_truthy(again:find(("%d kept"):format(done), 1, true), again)
    assert.is_nil(again:find("incomplete", 1, true), again)
    assert.is_true(bytes == expected)
  end)

  it("in mid-run does too", function()
    local disk = small_disk(256)
    if not disk then return end  -- the case above is this one for those who may not mount
    local path, output = disk .. "/cache.npy", place.folder .. "/output"
    local pid = cache_helper.start(output, place.input, path, "--batch", "1")
    cache_helper.await(function() return cache_helper.journalled(path) > 0 end, "rows")
    cache_helper.kill(pid, signal.SIGSTOP)
    cache_helper.shell(("dd if=/dev/zero of='%s/filler' bs=4096"):format(disk))
    cache_helper.kill(pid, signal.SIGCONT)
    local how, code = cache_helper.wait(pid)
    local text = cache_helper.contents(output)
    local done = cache_helper.journalled(path)
    os.remove(disk .. "/filler")
    local again = cache_helper.must_compute(place.input, path)
    local bytes = cache_helper.contents(path)
    unmount(disk)
    assert.are.equal("exited", how)
    assert_fails("No space left on device", text, code)
    assert.is_true(done > 0 and done < n)
    assert.is_truthy(again:find(("%d kept"):format(done), 1, true), again)
    assert.is_true(bytes == place.expected)
  end)
end)
