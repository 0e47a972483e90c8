-- A loss of power at any moment of what writes files: no wrong row is believed, no final name is on an unfinished
-- file, and what was promised to be on disk is. Each sync is needed: without any one of them this finds a fault.
--
-- The files and all that is done to them are real; rows come from a process of this spec's own, since it is about
-- files, and computing thousands of times would take hours.

local dirent = require("posix.dirent")
local ffi = require("ffi")
local cache_helper = require("cache_helper")
local compute_process = require("vk_compute.cache.compute_process")
local disk_model = require("disk_model")
local export = require("vk_compute.cache.export")
local files = require("vk_compute.system.files")
local helper = require("helper")
local merge = require("vk_compute.cache.merge")
local metadata = require("vk_compute.cache.metadata")
local reader = require("vk_compute.cache.reader")
local verify = require("vk_compute.cache.verify")
local writer = require("vk_compute.cache.writer")

local N, D, LENGTH, BATCH = 7, 2, 5, 2

-- Rows that can be, other ones for each kind and centring.
local function row_of(what, row)
  local ids = {}
  for k = 0, LENGTH - 1 do
    local step = what.centered and 3 or 1
    ids[k + 1] = (row + (what.kind == "neighbors" and k + 1 or k) * step) % N
  end
  return ids
end

-- Stands for the process that computes: at once, in memory of its own.
local function instant_process(job)
  local process = { rows = {}, told = 0, replies = {}, capacity = job.batch or N }
  for slot = 0, 1 do process.rows[slot] = ffi.new("uint32_t[?]", N * LENGTH) end
  function process:request(slot, list, first)
    local count = math.min(self.capacity, #list - first + 1)
    for k = 0, count - 1 do
      for place, id in ipairs(row_of(job.what, list[first + k])) do
        self.rows[slot][k * LENGTH + place - 1] = id
      end
    end
    table.insert(self.replies, { slot = slot, count = count })
  end
  function process:wait()
    self.told = self.told + 1
    if self.told == 1 then return { device = "none", device_type = "CPU", index = 0, plan = { fits = true } } end
    if self.told == 2 then return { ready = true } end
    return table.remove(self.replies, 1)
  end
  function process:finish() self.finished = true end
  function process:kill() self.killed = true end
  function process:stop() self.stopped = true end
  return process
end

local VK = { definition_version = function() return 1 end, version = function() return "0.1.0" end }

describe("a loss of power", function()
  local folder, path, embeddings, real_start, real_wait_any

  setup(function()
    folder = helper.temporary_folder()
    path = folder .. "/cache.npy"
    local data = ffi.new("float[?]", N * D)
    for k = 0, N * D - 1 do data[k] = k % 5 - 1 end
    embeddings = { data = data, n = N, d = D, bytes = 4 * N * D, path = folder .. "/none" }
    real_start, real_wait_any = compute_process.start, compute_process.wait_any
    compute_process.start = instant_process
    compute_process.wait_any = function(processes) return processes end
  end)
  teardown(function()
    disk_model.finish()
    compute_process.start, compute_process.wait_any = real_start, real_wait_any
    helper.execute("rm", "-rf", folder)
  end)

  local function job_of(how, promise)
    return setmetatable({
      path = how.path or path, embeddings = embeddings, vk = VK, length = LENGTH, batch = BATCH,
      report = function(state)
        if promise and state.phase ~= "checking" then promise(state.done) end
      end,
      plan = function() end, notice = function() end, stop = how.stop or function() return 0 end,
    }, { __index = how })
  end

  -- The names in the folder, sorted; without a process, which would take most of the time.
  local function names_here()
    local names = {}
    for name in dirent.files(folder) do
      if name ~= "." and name ~= ".." then names[#names + 1] = name end
    end
    table.sort(names)
    return names
  end

  -- Puts these files, and no others, into the folder.
  local function put(contents)
    for _, name in ipairs(names_here()) do os.remove(folder .. "/" .. name) end
    for name, text in pairs(contents) do cache_helper.write(name, text) end
  end

  local function all_contents()
    local contents = {}
    for _, name in ipairs(names_here()) do
      contents[folder .. "/" .. name] = cache_helper.contents(folder .. "/" .. name)
    end
    return contents
  end

  local function expected_of(how)
    local bytes = {}
    for row = 0, N - 1 do
      for _, id in ipairs(row_of(how, row)) do bytes[#bytes + 1] = string.char(id, 0, 0, 0) end
    end
    return table.concat(bytes)
  end

  local FRESH, CENTERED = { kind = "diversity" }, { kind = "diversity", centered = true }
  local NEIGHBORS = { kind = "neighbors" }
  local exported = { json = nil, binary = nil }

  -- The files after a run that was stopped after some rows, or ran to its end.
  local function files_after(how, rows)
    put({})
    local stops = 0
    local done = 0
    local job = job_of(setmetatable({ stop = function()
      if rows and done >= rows then stops = 1 end
      return stops
    end }, { __index = how }), function(count) done = count end)
    writer.run(job)
    return all_contents()
  end

  -- ---- What must hold of every state -----------------------------------------------------------------

  -- No row is given that is not right, and a finished cache is one.
  local function check_readers(scenario)
    local info = files.stat(path)
    local fields = info and metadata.read(path .. ".json")
    if fields and not scenario.is_damaged then
      local ok, cache = pcall(reader.load, path)
      if not ok then return "the finished name is on a file that is not finished: " .. tostring(cache) end
      cache:close()
    end
    for _, partial in ipairs({ false, true }) do
      local ok, cache = pcall(reader.load, path, { partial = partial })
      if ok then
        for row = 0, N - 1 do
          local read, ids = pcall(cache.row, cache, row)
          if read and ids then
            for k, id in ipairs(row_of(cache, row)) do
              if ids[k] ~= id then return ("row %d is wrong and was believed"):format(row) end
            end
          elseif not read and fields and not scenario.is_damaged then
            return "a row of a finished cache is damaged: " .. tostring(ids)
          end
        end
        cache:close()
      end
    end
  end

  local function ends_with(text, suffix) return text ~= nil and text:sub(-#suffix) == suffix end

  -- The same command given again ends well, and keeps what was promised.
  local function check_resume(scenario, promised)
    local how = scenario.how
    local before = cache_helper.contents(path)
    local ok, result = pcall(writer.run, job_of(setmetatable({ force = false }, { __index = how })))
    if not ok then
      -- Where an earlier cache is still there, it is refused, and nothing is lost.
      local is_kept = scenario.earlier and promised == 0 and ends_with(before, scenario.earlier)
        and cache_helper.contents(path) == before and tostring(result):find("what differs", 1, true) ~= nil
      return not is_kept and "it cannot be gone on: " .. tostring(result) or nil
    end
    if result.kept < promised then
      return ("%d rows were on disk, and %d are kept"):format(promised, result.kept)
    end
    if not ends_with(cache_helper.contents(path), expected_of(how)) then return "the rows are wrong" end
    local names = table.concat(names_here(), " ")
    if names ~= "cache.npy cache.npy.json" then return "files are left: " .. names end
  end

  local function check_repair(scenario)
    local ok, result = pcall(verify.run, job_of({ repair = true, kind = scenario.how.kind, length = LENGTH }))
    if not ok then return "it cannot be repaired: " .. tostring(result) end
    if result.remaining and result.remaining[1] then return "a repair leaves: " .. result.remaining[1] end
    if not ends_with(cache_helper.contents(path), expected_of(scenario.how)) then return "the rows are wrong" end
  end

  local function check_export(form, earlier)
    return function(_, promised)
      local output = folder .. "/out." .. form
      local text = cache_helper.contents(output)
      if text ~= nil and text ~= exported[form] and text ~= earlier then return "half an export has its name" end
      if promised > 0 and text ~= exported[form] then return "an export that was finished is not there" end
      local ok, problem = pcall(export[form], path, output, { force = true })
      if not ok then return "it cannot be exported again: " .. tostring(problem) end
      if cache_helper.contents(output) ~= exported[form] then return "the export is wrong" end
      local names = table.concat(names_here(), " ")
      if names ~= "cache.npy cache.npy.json out." .. form then return "files are left: " .. names end
    end
  end

  local SHARDS = 3

  local function shard_path(index) return ("%s/shard.%d.npy"):format(folder, index) end

  local function merge_shards(force)
    local shards = {}
    for index = 0, SHARDS - 1 do shards[index + 1] = shard_path(index) end
    return merge.run({ path = path, shards = shards, force = force, report = function() end,
      stop = function() return 0 end })
  end

  -- The same merge given again ends well; what lies there of something else is refused, and replaced with force.
  local function check_merge(scenario, promised)
    local before = cache_helper.contents(path)
    if promised == N and not ends_with(before, expected_of(FRESH)) then
      return "a merge that was finished is not there"
    end
    local ok, result = pcall(merge_shards)
    if not ok then
      local is_kept = scenario.earlier and ends_with(before, scenario.earlier) and cache_helper.contents(path) == before
        and tostring(result):find("what differs", 1, true) ~= nil
      if not is_kept then return "it cannot be merged again: " .. tostring(result) end
      ok, result = pcall(merge_shards, true)
      if not ok then return "it cannot be merged with force: " .. tostring(result) end
    end
    if result.problems[1] then return "a shard is harmed: " .. result.problems[1] end
    if not ends_with(cache_helper.contents(path), expected_of(FRESH)) then return "the rows are wrong" end
    local names = table.concat(names_here(), " ")
    if names:gsub(" shard%.%d%.npy shard%.%d%.npy%.json", "") ~= "cache.npy cache.npy.json" then
      return "files are left: " .. names
    end
  end

  -- ---- Scenarios -------------------------------------------------------------------------------------

  local function change(contents, suffix, fn)
    contents[path .. suffix] = fn(contents[path .. suffix])
    return contents
  end

  local function compute(how)
    return function(promise)
      local result = writer.run(job_of(how, promise))
      if result.outcome == "finished" then promise(N) end
    end
  end

  local function spoil_row(text)  -- the last one
    return text:sub(1, -9) .. "\255\255\255\255" .. text:sub(-4)
  end

  -- Each: `begin`, the files there are, all synced; `work`; `check` of what is found; `promised` at the beginning;
  -- `is_killed_too`: whether the same work is also done after it was killed.
  local scenarios = {}
  local function scenario(name, entry)
    entry.name, entry.how, entry.promised = name, entry.how or FRESH, entry.promised or 0
    entry.check = entry.check or check_resume
    scenarios[#scenarios + 1] = entry
  end

  scenario("a fresh run", { begin = function() return {} end, work = compute(FRESH), is_killed_too = true })
  scenario("a run for neighbours", { begin = function() return {} end, work = compute(NEIGHBORS), how = NEIGHBORS })
  scenario("a resumed run", { promised = 4, work = compute(FRESH),
    begin = function() return files_after(FRESH, 4) end })
  scenario("a run resumed after a torn line", { promised = 4,
    begin = function()
      return change(files_after(FRESH, 4), ".journal", function(text) return text .. "0123456789abcdef {\"ro" end)
    end, work = compute(FRESH) })
  scenario("a run with all rows done and a damaged header", { promised = N,
    begin = function()
      -- Stopped by a disk that fails when the metadata are to be written.
      put({})
      local write = metadata.write
      metadata.write = function() error("the disk fails", 0) end
      pcall(writer.run, job_of(FRESH))
      metadata.write = write
      return change(all_contents(), ".partial", function(text) return ("\0"):rep(64) .. text:sub(65) end)
    end, work = compute(FRESH) })
  scenario("a run that starts over", { how = CENTERED, earlier = expected_of(FRESH),
    begin = function() return files_after(FRESH) end,
    work = compute({ kind = "diversity", centered = true, force = true }) })
  scenario("a repair of a finished cache", { is_damaged = true,
    begin = function() return change(files_after(FRESH), "", spoil_row) end,
    work = function(promise)
      assert(not verify.run(job_of({ repair = true })).remaining[1])
      promise(N)
    end,
    check = function(self, promised)
      if promised == N then
        local ok, result = pcall(verify.run, job_of({}))
        if not ok or result.problems[1] then return "what was repaired is damaged again" end
      end
      return check_repair(self)
    end })
  scenario("a repair of an unfinished cache", { promised = 3,
    begin = function()
      return change(files_after(FRESH, 4), ".partial", function(text)
        local at = #text - N * LENGTH * 4 + 3 * LENGTH * 4 + 8
        return text:sub(1, at) .. "\255" .. text:sub(at + 2)
      end)
    end,
    work = function() verify.run(job_of({ repair = true })) end })
  for _, form in ipairs({ "json", "binary" }) do
    for _, earlier in ipairs({ false, form == "json" and '{"metadata": {"n": 1, "d": 1}}' or "earlier" }) do
      scenario(("an export as %s%s"):format(form, earlier and " over another" or ""), {
        begin = function()
          local contents = files_after(FRESH)
          if earlier then contents[folder .. "/out." .. form] = earlier end
          return contents
        end,
        work = function(promise)
          export[form](path, folder .. "/out." .. form, { force = true })
          exported[form] = cache_helper.contents(folder .. "/out." .. form)
          promise(1)
        end,
        check = check_export(form, earlier),
      })
    end
  end

  -- The files of all shards, beside those there are.
  local function with_shards(contents)
    for index = 0, SHARDS - 1 do
      put({})
      writer.run(job_of({ kind = "diversity", path = shard_path(index), shard = ("%d/%d"):format(index, SHARDS) }))
      for name, text in pairs(all_contents()) do contents[name] = text end
    end
    return contents
  end

  scenario("a merge", { begin = function() return with_shards({}) end, check = check_merge, is_killed_too = true,
    work = function(promise)
      merge_shards()
      promise(N)
    end })
  scenario("a merge over another cache", { begin = function() return with_shards(files_after(CENTERED)) end,
    check = check_merge, earlier = expected_of(CENTERED),
    work = function(promise)
      merge_shards(true)
      promise(N)
    end })

  -- ---- Every prefix ----------------------------------------------------------------------------------

  local random_state = 1
  local function random(below)
    random_state = random_state * 16807 % 2147483647
    return random_state % below
  end

  local FATES = { "dropped", "whole", "torn", "zeroed" }

  -- The states that are tried: pairs of functions for disk_model.found.
  local function variants(state)
    local function none() return false end
    local function all() return true end
    local function always(fate) return function() return fate end end
    if disk_model.is_certain(state) then return { { none, always("dropped") } } end
    local list = { { none, always("dropped") }, { all, always("whole") }, { all, always("dropped") },
      { none, always("whole") }, { all, always("zeroed") },
      { all, function(_, place, of) return place == of and "torn" or "whole" end } }
    for only = 1, #state.pending_names do
      list[#list + 1] = { function(place) return place == only end, always("dropped") }
      list[#list + 1] = { function(place) return place ~= only end, always("whole") }
    end
    for _ = 1, 3 do
      list[#list + 1] = { function() return random(2) == 0 end, function() return FATES[random(4) + 1] end }
    end
    return list
  end

  local function promised_at(model, entry, count)
    local promised = entry.promised
    for k = 1, count do
      local operation = model.operations[k]
      if operation[1] == "promise" then promised = math.max(promised, operation[2]) end
    end
    return promised
  end

  local tried = 0

  -- Tries the states after the first operations. The fault that was found, or nil.
  local function try(model, entry, count)
    local state = disk_model.at(model, count)
    local promised = promised_at(model, entry, count)
    for _, variant in ipairs(variants(state)) do
      put(disk_model.found(state, unpack(variant)))
      tried = tried + 1
      local fault = check_readers(entry) or entry.check(entry, promised)
      if fault then
        local operation = model.operations[count] or { "nothing" }
        return ("%s, after %d operations, the last %s: %s"):format(entry.name, count, tostring(operation[1]), fault)
      end
    end
  end

  local function record(model, entry, dropped)
    disk_model.record(model, dropped, function(add)
      entry.work(function(rows) add({ "promise", rows }) end)
    end)
  end

  local function run_whole(entry, dropped, sites)
    local begin = entry.begin()
    put(begin)
    local model = disk_model.new(begin)
    model.sites = sites
    record(model, entry, dropped)
    for count = 0, #model.operations do
      local fault = try(model, entry, count)
      if fault then return fault end
    end
  end

  -- A run that is killed after some of its operations, all of which the next run sees though they may not be on disk
  -- yet; and then the power fails.
  local function run_killed(entry, dropped, sites)
    local begin = entry.begin()
    put(begin)
    local whole = disk_model.new(begin)
    whole.sites = sites
    record(whole, entry, dropped)
    for killed_at, operation in ipairs(whole.operations) do
      local kind = operation[1]
      if kind == "rename" or kind == "unlink" or kind == "link" or kind == "promise" then
        local model = disk_model.new(begin)
        model.sites, model.inodes = sites, whole.inodes
        for k = 1, killed_at do model.operations[k] = whole.operations[k] end
        local seen = disk_model.at(model, killed_at)
        put(disk_model.found(seen, function() return true end, function() return "whole" end))
        for _, pending in ipairs(seen.pending_names) do
          local what, a, b, inode = unpack(pending)
          if what == "link" then seen.names[a] = b
          elseif what == "unlink" then seen.names[a] = nil
          else seen.names[b], seen.names[a] = inode, nil end
        end
        model.names = seen.names
        record(model, entry, dropped)
        for count = killed_at + 1, #model.operations do
          local fault = try(model, setmetatable({ name = entry.name .. " after one that was killed" },
            { __index = entry }), count)
          if fault then return fault end
        end
      end
    end
  end

  -- Ways to run scenarios, with the places of the syncs that each comes to.
  local ways = {}
  local function way(run_it, entry) ways[#ways + 1] = { run = run_it, entry = entry, sites = {} } end
  for _, entry in ipairs(scenarios) do
    way(run_whole, entry)
    if entry.is_killed_too then way(run_killed, entry) end
  end

  -- Without the sync at one place only those can find a fault that come to it.
  local function first_fault(dropped)
    for _, one in ipairs(ways) do
      if not dropped or one.sites[dropped] then
        local fault = one.run(one.entry, dropped, dropped and {} or one.sites)
        if fault then return fault end
      end
    end
  end

  local function is_reached(site)
    for _, one in ipairs(ways) do
      if one.sites[site] then return true end
    end
    return false
  end

  it("at any moment leaves no wrong row believed, no unfinished file with its name, and nothing lost", function()
    local began = os.clock()
    assert.is_nil(first_fault())
    print(("\n%d states, %.1f s"):format(tried, os.clock() - began))
    assert.is_true(tried > 2000)
  end)

  it("shows that each sync is needed", function()
    -- All that the source has, so that none is forgotten here.
    local count = 0
    local script = "cd '%s/lua/vk_compute' && grep -rlE 'files\\.sync(_names)?\\(' ."
    local list = cache_helper.shell(script:format(helper.ROOT))
    for file in list:gmatch("[^\n]+") do
      local number = 0
      for line in io.lines(helper.ROOT .. "/lua/vk_compute/" .. file) do
        number = number + 1
        if line:find("files%.sync[%a_]*%(") and not line:find("^function") then
          local site = ("%s:%d"):format(file:gsub("^%./", ""), number)
          assert.is_true(is_reached(site), site .. " was never reached")
          local fault = first_fault(site)
          assert.is_truthy(fault, "nothing is lost without the sync at " .. site)
          print(("without %s: %s"):format(site, fault))
          count = count + 1
        end
      end
    end
    assert.is_true(count >= 10)
  end)
end)
