-- kill -9 of a merge, and two merges at once. VKC_MERGE_KILLS: how many times, where 50 are not enough.

local cache_helper = require("cache_helper")
local clock = require("vk_compute.system.clock")
local helper = require("helper")

local PROGRAM = helper.ROOT .. "/bin/vulkan-compute"
local KILLS = tonumber(os.getenv("VKC_MERGE_KILLS") or 50)
local N, D, SHARDS = 150, 4, 3

describe("a merge", function()
  local place, paths, out, output

  setup(function()
    place = cache_helper.workplace(N, D)
    paths, out, output = {}, place.folder .. "/out.npy", place.folder .. "/output"
    for index = 0, SHARDS - 1 do
      paths[index + 1] = ("%s/shard.%d.npy"):format(place.folder, index)
      cache_helper.must_compute(place.input, paths[index + 1], "--shard", index .. "/" .. SHARDS)
    end
  end)
  teardown(function() cache_helper.remove_folder(place) end)

  local function start() return cache_helper.start_script(output, PROGRAM, "merge", out, unpack(paths)) end

  it(("killed at %d random moments never gives its name to anything but the whole"):format(KILLS), function()
    local seed = os.time()
    math.randomseed(seed)
    local began = clock.monotonic()
    assert.are.same({ "exited", 0 }, { cache_helper.wait(start()) })
    local span = clock.monotonic() - began
    cache_helper.remove(out)
    local stages, kills = {}, 0
    while kills < KILLS do
      local pid = start()
      cache_helper.sleep(math.random() * span * 1.05)
      cache_helper.kill(pid)
      local context = ("seed %d, kill %d"):format(seed, kills)
      local how = cache_helper.wait(pid)
      local bytes = cache_helper.contents(out)
      assert.is_true(bytes == nil or bytes == place.expected, context)
      if how == "killed" then
        kills = kills + 1
        local stage = bytes and "with the name given"
          or cache_helper.exists(out .. ".partial") and "with rows written" or "before the first rows"
        stages[stage] = (stages[stage] or 0) + 1
      end
      -- Now and then the next one begins with what this one left.
      if bytes or math.random() < 0.5 then cache_helper.remove(out) end
    end
    -- What the last one left is no hindrance.
    assert.are.same({ "exited", 0 }, { cache_helper.wait(start()) })
    assert.is_true(cache_helper.contents(out) == place.expected)
    for _, suffix in ipairs({ ".partial", ".journal", ".lock" }) do
      assert.is_false(cache_helper.exists(out .. suffix))
    end
    local parts = {}
    for stage, count in pairs(stages) do parts[#parts + 1] = ("%d %s"):format(count, stage) end
    table.sort(parts)
    print(("\n%d kills of a merge (%s)"):format(kills, table.concat(parts, ", ")))
    cache_helper.remove(out)
  end)

  it("while another writes the same file is refused, and both leave it whole", function()
    local pids, codes = {}, {}
    for k = 1, 6 do pids[k] = start() end
    for _, pid in ipairs(pids) do
      local _, code = cache_helper.wait(pid)
      codes[code] = (codes[code] or 0) + 1
    end
    -- Those that come later find it finished.
    assert.are.equal(6, (codes[0] or 0) + (codes[2] or 0))
    assert.is_true((codes[0] or 0) >= 1)
    assert.is_true(cache_helper.contents(out) == place.expected)
    cache_helper.remove(out)
    -- One that holds the lock for sure.
    local held = require("vk_compute.system.lock").acquire(out .. ".lock")
    assert.are.same({ "exited", 2 }, { cache_helper.wait(start()) })
    assert.is_truthy(cache_helper.contents(output):find("is writing " .. out, 1, true))
    require("vk_compute.system.lock").release(held)
    assert.is_false(cache_helper.exists(out))
  end)

  it("that is stopped leaves nothing", function()
    local merge = require("vk_compute.cache.merge")
    local ok, problem = pcall(merge.run, { path = out, shards = paths, report = function() end,
      stop = function() return 1 end })
    assert.is_false(ok)
    assert.is_truthy(tostring(problem):find("stopped: " .. out .. " was not written", 1, true), problem)
    for _, suffix in ipairs({ "", ".json", ".partial", ".lock" }) do
      assert.is_false(cache_helper.exists(out .. suffix), suffix)
    end
  end)
end)
