-- How rows are shared among devices of different speed: they end together, and few leases are short. The devices are
-- of this spec's own, with a clock of their own, so that seconds take no time.

local ffi = require("ffi")
local clock = require("vk_compute.system.clock")
local compute_process = require("vk_compute.cache.compute_process")
local workers = require("vk_compute.cache.workers")

local HALF_A_SECOND = 0.5
local CAPACITY = 4000

describe("devices", function()
  local real = {}
  local now, all

  -- A device: `opens`, when it is ready; `first`, seconds that its first call takes besides its rows; `rate`, rows a
  -- second, in calls of more than `few` rows: fewer take as long; `ends`, when its process ends, if it does.
  local function start(job)
    local device = all[tonumber(job.device)]
    device.queue, device.said, device.calls, device.rows, device.free_at = {}, 0, {}, 0, device.opens
    device.pacer = device.guess or 300
    local process = { rows = {}, capacity = CAPACITY, device = device }
    for slot = 0, 1 do process.rows[slot] = ffi.new("uint32_t[1]") end
    function process.request(_, slot, list, first)
      local wanted = #list - first + 1
      local count = math.max(1, math.min(wanted, device.pacer))
      local began = math.max(now, device.free_at)
      local seconds = math.max(count, device.few or 0) / device.rate + (#device.calls == 0 and device.first or 0)
      device.free_at = began + seconds
      device.pacer = math.max(device.few or 1, math.floor(HALF_A_SECOND * count / seconds))
      device.calls[#device.calls + 1] = { began = began, ended = device.free_at, count = count }
      table.insert(device.queue, { at = device.free_at, message = { slot = slot, count = count } })
    end
    function process.next_at()
      if device.is_over then return math.huge end
      if device.ends and device.ends <= now then return now end
      if device.said < 2 then return device.opens end
      local first = device.queue[1]
      return math.min(first and first.at or math.huge, device.ends or math.huge)
    end
    function process.wait()
      if process.next_at() > now then return nil end
      if device.ends and device.ends <= now then
        device.is_over = true
        return { failure = "the computing process ended (killed 9)", is_over = true }
      end
      device.said = device.said + 1
      if device.said == 1 then return { device = "none", index = 0, plan = {} } end
      if device.said == 2 then return { ready = true } end
      return table.remove(device.queue, 1).message
    end
    function process.stop() end
    function process.kill() end
    function process.finish() end
    return process
  end

  local function wait_any(processes)
    local at = math.huge
    for _, process in ipairs(processes) do at = math.min(at, process.next_at()) end
    now = math.max(now, at)
    local speaking = {}
    for _, process in ipairs(processes) do
      if process.next_at() <= now then speaking[#speaking + 1] = process end
    end
    return speaking
  end

  setup(function()
    real.monotonic, real.start, real.wait_any = clock.monotonic, compute_process.start, compute_process.wait_any
    clock.monotonic, compute_process.start, compute_process.wait_any = function() return now end, start, wait_any
  end)
  teardown(function()
    clock.monotonic, compute_process.start, compute_process.wait_any = real.monotonic, real.start, real.wait_any
  end)

  -- Computes so many rows. Returns the seconds it took; each row came once.
  local function run(count, devices)
    now, all = 0, devices
    local names, rows, seen = {}, {}, {}
    for k in ipairs(devices) do names[k] = tostring(k) end
    for row = 1, count do rows[row] = row - 1 end
    local group = workers.start({ devices = names, opened = function() end, joined = function() end,
      notice = function() end })
    group:begin(rows)
    while group.left > 0 do
      local batches = group:wait(100, true)
      for _, batch in ipairs(batches) do
        for _, row in ipairs(batch.rows) do
          assert.is_nil(seen[row])
          seen[row] = true
        end
      end
      workers.written(batches)
    end
    assert.are.equal(count, #seen + 1)
    group:drop_late()
    group:stop()
    return now
  end

  -- How long after the rows' end a device went on, or how long before it had nothing to do.
  local function idle_at_end(device)
    local last = device.calls[#device.calls]
    return now - last.ended
  end

  it("of the same speed end together, without short leases", function()
    for _, number in ipairs({ 2, 4, 8 }) do
      local devices = {}
      for k = 1, number do devices[k] = { opens = 0.3 + 0.05 * k, first = 0.3, rate = 2500, few = 500 } end
      local count = 40000
      local seconds = run(count, devices)
      local ideal = 0.65 + 0.025 * (number - 1) + count / number / 2500
      local context = ("%d devices: %.2f s, at best %.2f s"):format(number, seconds, ideal)
      assert.is_true(seconds < ideal + 0.25, context)
      for _, device in ipairs(devices) do
        assert.is_true(idle_at_end(device) < 0.2, context)
        local short = 0
        for _, call in ipairs(device.calls) do short = short + (call.count < 500 and 1 or 0) end
        -- Those by which it learns its speed, and one at the end.
        assert.is_true(short <= 4, context .. (", %d short calls"):format(short))
      end
    end
  end)

  it("of different speed end together, within a lease", function()
    for _, case in ipairs({ { 2500, 1250 }, { 2500, 250 }, { 2500, 25, 600 }, { 16000, 15000 } }) do
      local devices, together = {}, 0
      for k, rate in ipairs(case) do
        devices[k] = { opens = 0.3, first = 0.2, rate = rate, guess = math.ceil(rate / 8) }
        together = together + rate
      end
      local count = 30000
      local seconds, ideal = run(count, devices), 0.5 + count / together
      assert.is_true(seconds < ideal + HALF_A_SECOND, ("%s: %.2f s, at best %.2f s"):format(table.concat(case, " and "),
        seconds, ideal))
    end
  end)

  it("that compute many rows in the time of one are asked for many", function()
    -- Tiles of neighbours on a CPU; long walks on a GPU: more than half a second each.
    for _, rate in ipairs({ 100, 20 }) do
      local devices = {}
      for k = 1, 2 do devices[k] = { opens = 0.1, first = 0.2, rate = rate, few = 128, guess = 128 } end
      local count = 5000
      local seconds, ideal = run(count, devices), 0.3 + count / 2 / rate
      assert.is_true(seconds < ideal + 2 * 128 / rate, ("%.1f s, at best %.1f s"):format(seconds, ideal))
    end
  end)

  it("that become slower are asked for less", function()
    local device = { opens = 0.3, first = 0.2, rate = 2500 }
    local devices = { { opens = 0.3, first = 0.2, rate = 2500 }, device }
    local slower = setmetatable({}, { __index = function(_, name)
      if name == "rate" then return now < 3 and 2500 or 250 end
      return nil
    end })
    device.rate = nil
    setmetatable(device, { __index = slower })
    local ideal = 3 + (20000 - 2 * 2500 * 2.5) / 2750
    local seconds = run(20000, devices)
    assert.is_true(seconds < ideal + 2 * HALF_A_SECOND, ("%.1f s, at best %.1f s"):format(seconds, ideal))
  end)

  it("that are slow to begin do not hold up the others", function()
    local seconds = run(20000, { { opens = 0.3, first = 0.2, rate = 2000 },
      { opens = 1, first = 8, rate = 25, guess = 1 } })
    assert.is_true(seconds < 10.5 + HALF_A_SECOND, seconds)
    -- Nor one that is not ready before the end.
    seconds = run(20000, { { opens = 0.3, first = 0.2, rate = 2000 }, { opens = 100, first = 8, rate = 25 } })
    assert.is_true(seconds < 10.5 + HALF_A_SECOND, seconds)
  end)

  it("do what those leave whose processes end", function()
    for _, ends in ipairs({ 0.1, 0.7, 3, 4.2, 4.5, 4.6 }) do
      local seconds = run(20000, { { opens = 0.3, first = 0.2, rate = 2500 },
        { opens = 0.3, first = 0.2, rate = 2500, ends = ends } })
      assert.is_true(seconds < 8.5 + HALF_A_SECOND, seconds)
    end
  end)
end)
