local cache_helper = require("cache_helper")

-- By words of the command line.
local RUNS = {
  { kills = 200 },
  { kills = 50, "--order", "away", "--lambda", "0.5", "--center" },
}

for _, words in ipairs(RUNS) do
  describe(("kill -9 of a run %s"):format(table.concat(words, " ")), function()
    local n, d = 150, 16
    local KILLS = words.kills
    local place, path, output

    setup(function()
      place = cache_helper.workplace(n, d, unpack(words))
      path, output = place.folder .. "/cache.npy", place.folder .. "/output"
    end)
    teardown(function() cache_helper.remove_folder(place) end)

    -- Small batches spread the writing over the whole run; the time of a run to draw moments from.
    local BATCH = 3

    local function seconds_of_a_run()
      local time = require("posix.time")
      local function now()
        local t = time.clock_gettime(time.CLOCK_MONOTONIC)
        return t.tv_sec + t.tv_nsec / 1e9
      end
      local before = now()
      cache_helper.must_compute(place.input, path, "--batch", BATCH, unpack(words))
      cache_helper.remove(path)
      return now() - before
    end

    -- How far a run came: for the count at the end.
    local function stage_of()
      if cache_helper.exists(path) then return "finished" end
      if cache_helper.exists(path .. ".json") then return "publishing" end
      return cache_helper.journalled(path) > 0 and "with rows done" or "before the first rows"
    end

    it(("at %d random moments loses and falsifies nothing"):format(KILLS), function()
      local seed = os.time()
      math.randomseed(seed)
      local span = seconds_of_a_run()
      local kills, caches, stages = 0, 0, {}
      local done = 0
      while kills < KILLS do
        local pid = cache_helper.start(output, place.input, path, "--batch", BATCH, unpack(words))
        cache_helper.sleep(math.random() * span * 1.05)
        cache_helper.kill(pid)
        local how = cache_helper.wait(pid)
        local context = ("seed %d, kill %d"):format(seed, kills)
        if how == "killed" then
          kills = kills + 1
          local stage = stage_of()
          stages[stage] = (stages[stage] or 0) + 1
        end

        -- Under the final name there is nothing or all.
        local bytes = cache_helper.contents(path)
        assert.is_true(bytes == nil or bytes == place.expected, context)
        -- Rows once reported done stay so, and none is listed twice, which computing it again would do.
        local kept = cache_helper.contents(output):match("(%d+) kept from earlier")
        assert.is_true(kept == nil or tonumber(kept) >= done, context)
        local journalled = cache_helper.journalled(path)
        assert.is_true(bytes ~= nil or journalled >= done, context)
        done = journalled

        if bytes then
          local text = cache_helper.must_compute(place.input, path, unpack(words))
          assert.is_truthy(text:find("already finished", 1, true), context)
          assert.are.same({ "cache.npy", "cache.npy.json", "finished.npy", "finished.npy.json", "input.npy",
            "output" }, cache_helper.names(place.folder), context)
          cache_helper.remove(path)
          caches, done = caches + 1, 0
        end
      end
      cache_helper.must_compute(place.input, path, unpack(words))
      assert.is_true(cache_helper.contents(path) == place.expected)

      local parts = {}
      for stage, count in pairs(stages) do parts[#parts + 1] = ("%d %s"):format(count, stage) end
      table.sort(parts)
      print(("\n%d kills (%s), %d caches finished after some of them, every one byte-identical"):format(kills,
        table.concat(parts, ", "), caches + 1))
      assert.is_true((stages["with rows done"] or 0) > KILLS / 10, "too few kills met rows")
    end)
  end)
end
