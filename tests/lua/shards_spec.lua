-- Shards and merging them: what comes of it is the file of one run, byte for byte, or a refusal that names all that is
-- wrong.

local cache_helper = require("cache_helper")
local cjson = require("cjson")
local ffi = require("ffi")
local helper = require("helper")
local walks_in_order = require("walks_in_order")
local writer = require("vk_compute.cache.writer")

local PROGRAM = helper.ROOT .. "/bin/vulkan-compute"
local N, D = 11, 5

local function run(...) return cache_helper.run(PROGRAM, ...) end

-- Runs several at a time, each a list of words. Returns what each printed, and its exit code.
local function run_all(commands, folder)
  local lines, results = {}, {}
  for k, words in ipairs(commands) do
    lines[k] = ("luajit %s >%s/out.%d 2>&1; echo $? >%s/code.%d"):format(helper.quoted(PROGRAM, unpack(words)), folder,
      k, folder, k)
  end
  cache_helper.write(folder .. "/commands", table.concat(lines, "\n"))
  cache_helper.shell(("xargs -d '\\n' -n 1 -P 3 sh -c < %s/commands"):format(folder))
  for k in ipairs(commands) do
    results[k] = { text = cache_helper.contents(("%s/out.%d"):format(folder, k)),
      code = tonumber(cache_helper.contents(("%s/code.%d"):format(folder, k))) }
    os.remove(("%s/out.%d"):format(folder, k))
    os.remove(("%s/code.%d"):format(folder, k))
  end
  return results
end

-- The metadata, without what tells of one run.
local function metadata(path)
  local fields = cjson.decode(cache_helper.contents(path .. ".json"))
  fields.date, fields.checksum = nil, nil
  return fields
end

local function assert_same_cache(expected, path)
  assert.is_true(cache_helper.contents(expected) == cache_helper.contents(path))
  assert.are.same(metadata(expected), metadata(path))
end

describe("shards", function()
  local folder, input

  setup(function()
    folder = helper.temporary_folder()
    input = folder .. "/input.npy"
    cache_helper.write_embeddings(input, helper.kinds["unit norms"](N, D), N, D)
  end)
  teardown(function() helper.execute("rm", "-rf", folder) end)

  -- Makes the shards of a kind and order, at most so many at a time. Returns their paths.
  local function make(name, count, ...)
    local commands, paths = {}, {}
    for index = 0, count - 1 do
      paths[index + 1] = ("%s/%s.%d.%d.npy"):format(folder, name, index, count)
      commands[index + 1] = { select(1, ...), input, paths[index + 1], "--shard", index .. "/" .. count,
        select(2, ...) }
    end
    for _, result in ipairs(run_all(commands, folder)) do assert.are.equal(0, result.code, result.text) end
    return paths
  end

  local COUNTS = { 1, 2, 3, 7, N }
  local KINDS = {
    { "cache", "--length", "6", "--center" },
    { "cache", "--order", "away", "--lambda", "0.5" },
    { "cache", "--order", "toward", "--lambda", "0.25" },
    { "neighbors", "--k", "4", "--similarities" },
  }
  for place, words in ipairs(KINDS) do
    it("of " .. table.concat(words, " ") .. " merge into the file of one run", function()
      local whole = ("%s/whole.%d.npy"):format(folder, place)
      local text, code = run(words[1], input, whole, unpack(words, 2))
      assert.are.equal(0, code, text)
      for _, count in ipairs(COUNTS) do
        local name = "kind" .. place
        local paths = make(name, count, unpack(words))
        -- In any order.
        table.sort(paths, function(a, b) return a > b end)
        local files = { [whole] = paths }
        if words[1] == "neighbors" then
          local twins = {}
          for k, path in ipairs(paths) do twins[k] = path:gsub("%.npy$", ".similarities.npy") end
          files[whole:gsub("%.npy$", ".similarities.npy")] = twins
        end
        for expected, shards in pairs(files) do
          local merged = folder .. (expected == whole and "/merged.npy" or "/merged.similarities.npy")
          text, code = run("merge", merged, unpack(shards))
          assert.are.equal(0, code, text)
          assert_same_cache(expected, merged)
          -- Once more is no work.
          text, code = run("merge", merged, unpack(shards))
          assert.are.equal(0, code, text)
          assert.is_truthy(text:find("already finished", 1, true), text)
          cache_helper.remove(merged)
        end
      end
    end)
  end

  it("of similarities do not merge into a file whose name is none of these", function()
    make("named", 1, "neighbors", "--k", "4", "--similarities")
    local text, code = run("merge", folder .. "/merged.npy", folder .. "/named.0.1.similarities.npy")
    assert.are.equal(2, code, text)
    assert.is_truthy(text:find("the name of similarities ends in .similarities.npy", 1, true), text)
    assert.is_false(cache_helper.exists(folder .. "/merged.npy"))
  end)

  it("of more than there are rows are refused, and what names none", function()
    local text, code = run("cache", input, folder .. "/none.npy", "--shard", "0/" .. N + 1)
    assert.are.equal(2, code)
    assert.is_truthy(text:find(("of %d rows there can be at most as many shards"):format(N), 1, true), text)
    for _, name in ipairs({ "2/2", "1", "1/0", "-1/2", "a/b", "1/2/3", "" }) do
      text, code = run("cache", input, folder .. "/none.npy", "--shard=" .. name)
      assert.are.equal(2, code, name)
      assert.is_truthy(text:find("no shard: I/N", 1, true), text)
    end
    assert.is_false(cache_helper.exists(folder .. "/none.npy"))
  end)

  describe("finished or not,", function()
    local paths, whole

    setup(function()
      whole = folder .. "/all.npy"
      run("cache", input, whole, "--length", "6")
      paths = make("part", 3, "cache", "--length", "6")
    end)

    it("are checked and verified", function()
      local text, code = run("check", paths[2])
      assert.are.equal(0, code, text)
      assert.is_truthy(text:find("shard 1/3: rows 3 to 6", 1, true), text)
      assert.is_truthy(text:find("4 of 4", 1, true), text)
      text, code = run("verify", input, paths[2])
      assert.are.equal(0, code, text)
      assert.is_truthy(text:find("4 of 4 rows, 4 of them computed again and compared; verified", 1, true), text)
    end)

    it("are refused by readers and export, which say what they are", function()
      for _, words in ipairs({ { "export", paths[2], folder .. "/out.json" }, { "report", input, paths[2] } }) do
        local text, code = run(unpack(words))
        assert.are.equal(2, code, text)
        assert.is_truthy(text:find("is a shard, 1/3, and has rows 3 to 6 of 11: merge all shards", 1, true), text)
      end
      local vk = require("vk_compute")
      local ok, problem = pcall(vk.load_diversity_cache, paths[2])
      assert.is_false(ok)
      assert.is_truthy(tostring(problem):find("is a shard, 1/3", 1, true))
      assert.is_false(cache_helper.exists(folder .. "/out.json"))
    end)

    it("are repaired", function()
      local copy = folder .. "/damaged.npy"
      cache_helper.copy(paths[3], copy)
      cache_helper.flip(copy, #cache_helper.contents(copy) - 3)
      local text, code = run("merge", folder .. "/x.npy", paths[1], paths[2], copy)
      assert.are.equal(1, code)
      assert.is_truthy(text:find("checksums do not fit in rows 10", 1, true), text)
      text, code = run("verify", input, copy, "--repair")
      assert.are.equal(0, code, text)
      text, code = run("merge", folder .. "/x.npy", paths[1], paths[2], copy)
      assert.are.equal(0, code, text)
      assert_same_cache(whole, folder .. "/x.npy")
    end)

    it("go on where they were, and not as another shard", function()
      local partial = folder .. "/stopped.npy"
      -- As a run leaves it that was stopped after its first row.
      cache_helper.write(partial .. ".partial", cache_helper.contents(paths[2]))
      local fields = require("vk_compute.cache.metadata").read(paths[2] .. ".json")
      local checksums = { [4] = fields.row_checksums:sub(17, 32) }
      require("vk_compute.cache.journal").create(partial .. ".journal", fields, checksums):close()
      local text, code = run("cache", input, partial, "--length", "6", "--shard", "2/3")
      assert.are.equal(2, code)
      assert.is_truthy(text:find("shard (the cache has 1/3, asked for is 2/3)", 1, true), text)
      text, code = run("merge", folder .. "/x2.npy", paths[1], partial, paths[3])
      assert.are.equal(1, code)
      assert.is_truthy(text:find("(rows 3 to 6) is not finished: 1 of 4 rows are done", 1, true), text)
      text, code = run("cache", input, partial, "--length", "6", "--shard", "1/3")
      assert.are.equal(0, code, text)
      assert.is_truthy(text:find("3 computed now, 1 kept", 1, true), text)
      assert.is_true(cache_helper.contents(partial) == cache_helper.contents(paths[2]))
    end)

    it("are refused with all that is wrong named", function()
      local other_input = folder .. "/other.npy"
      cache_helper.write_embeddings(other_input, helper.kinds["unequal norms"](N, D), N, D)
      local function shard(name, of, words)
        local path = ("%s/%s.npy"):format(folder, name)
        local text, code = run(words.kind or "cache", of, path, unpack(words))
        assert.are.equal(0, code, text)
        return path
      end
      local foreign = {
        ["the embeddings themselves"] = shard("embeddings", other_input, { "--length", "6", "--shard", "1/3" }),
        ["length (5, and there 6)"] = shard("length", input, { "--length", "5", "--shard", "1/3" }),
        ["centring (centred, and there not centred)"] =
          shard("centring", input, { "--length", "6", "--center", "--shard", "1/3" }),
        ["order (away, and there centroid)"] =
          shard("order", input, { "--length", "6", "--order", "away", "--lambda", "1", "--shard", "1/3" }),
        ["kind (nearest neighbours, and there diversity sequences)"] =
          shard("kind", input, { kind = "neighbors", "--k", "6", "--shard", "1/3" }),
        ["is shard 1/4, and others are shards of 3"] = shard("four", input, { "--length", "6", "--shard", "1/4" }),
        ["is a whole cache, and others are shards of 3"] = whole,
        ["is there twice"] = paths[1],
        ["there is no cache"] = folder .. "/nothing.npy",
        ["is not a cache"] = input,
      }
      local out, all = folder .. "/refused.npy", {}
      for problem, path in pairs(foreign) do
        -- Instead of the second, and beside all.
        local text, code = run("merge", out, paths[1], path, paths[3])
        assert.are.equal(1, code, text)
        assert.is_truthy(text:find(problem, 1, true), text)
        assert.is_truthy(text:find("shard 1/3 is missing (rows 3 to 6)", 1, true), text)
        text, code = run("merge", out, path, unpack(paths))
        assert.are.equal(1, code, text)
        assert.is_truthy(text:find(problem, 1, true), text)
        assert.is_nil(text:find("missing", 1, true))
        all[#all + 1] = path
      end
      -- All at once, with a damaged row and with most of what is right missing.
      local damaged = folder .. "/harmed.npy"
      cache_helper.copy(paths[3], damaged)
      cache_helper.flip(damaged, #cache_helper.contents(damaged) - 3)
      all[#all + 1], all[#all + 2] = damaged, paths[1]
      local text, code = run("merge", out, "--json", unpack(all))
      assert.are.equal(1, code)
      for problem in pairs(foreign) do assert.is_truthy(text:find(problem, 1, true), problem .. "\n" .. text) end
      assert.is_truthy(text:find("checksums do not fit in rows 10", 1, true), text)
      assert.is_truthy(text:find("shard 1/3 is missing (rows 3 to 6)", 1, true), text)
      assert.are.equal("refused", cjson.decode(text:match("^(.-)\n")).outcome)
      for _, suffix in ipairs({ "", ".json", ".partial", ".lock" }) do
        assert.is_false(cache_helper.exists(out .. suffix), suffix)
      end
    end)

    it("with any byte changed, or cut at any place, are refused or right", function()
      local copy, out = folder .. "/changed.npy", folder .. "/changed.out.npy"
      local merge = require("vk_compute.cache.merge")
      local function try(context)
        local ok, result = pcall(merge.run, { path = out, shards = { paths[1], copy, paths[3] },
          report = function() end, stop = function() return 0 end })
        assert.is_true(ok, context .. ": " .. tostring(result))
        if result.outcome == "merged" then
          assert.is_true(cache_helper.contents(out) == cache_helper.contents(whole), context)
          cache_helper.remove(out)
        else
          assert.is_truthy(table.concat(result.problems, "\n"):find(copy, 1, true), context)
          assert.is_false(cache_helper.exists(out), context)
        end
        return result.outcome
      end
      for _, suffix in ipairs({ "", ".json" }) do
        local bytes = cache_helper.contents(paths[2] .. suffix)
        local refused = 0
        for place = 0, #bytes - 1, suffix == "" and 1 or 7 do
          cache_helper.copy(paths[2], copy)
          cache_helper.flip(copy .. suffix, place)
          if try(("byte %d of %s"):format(place, suffix)) == "refused" then refused = refused + 1 end
          cache_helper.copy(paths[2], copy)
          cache_helper.write(copy .. suffix, bytes:sub(1, place))
          assert.are.equal("refused", try(("cut at %d of %s"):format(place, suffix)))
        end
        assert.is_true(refused > 0)
      end
    end)

    it("that are computed anew meanwhile, of something else or not yet finished, are refused", function()
      local merge = require("vk_compute.cache.merge")
      local out, last, kept, other = folder .. "/meanwhile.npy", paths[#paths], folder .. "/kept.npy", folder .. "/else"
      cache_helper.copy(last, kept)
      cache_helper.write_embeddings(other, helper.kinds["duplicates"](N, D), N, D)
      local function becomes_other()
        local words = { "--length", "6", "--shard", ("%d/%d"):format(#paths - 1, #paths), "--force" }
        local text, code = run("cache", other, last, unpack(words))
        assert.are.equal(0, code, text)
      end
      local function becomes_unfinished()
        local fields = require("vk_compute.cache.metadata").read(last .. ".json")
        os.rename(last, last .. ".partial")
        os.remove(last .. ".json")
        require("vk_compute.cache.journal").create(last .. ".journal", fields, {}):close()
      end
      for _, change in ipairs({ becomes_other, becomes_unfinished }) do
        local changed
        local ok, problem = pcall(merge.run, { path = out, shards = paths, stop = function() return 0 end,
          report = function()
            if not changed then change() end
            changed = true
          end })
        assert.is_true(changed and not ok)
        assert.is_truthy(problem:find(last .. " is being written anew", 1, true), problem)
        assert.is_false(cache_helper.exists(out) or cache_helper.exists(out .. ".partial"))
        cache_helper.copy(kept, last)
      end
    end)

    it("that may not be read are told as such", function()
      helper.execute("chmod", "000", paths[2])
      -- Root may read anything, unless it gives that right up.
      local as_others = require("posix.unistd").geteuid() == 0
        and "setpriv --bounding-set=-dac_override,-dac_read_search " or ""
      local out = folder .. "/unread.npy"
      local commands = { { "merge", out, unpack(paths) }, { "check", paths[2] }, { "verify", input, paths[2] } }
      for _, words in ipairs(commands) do
        local text, code = cache_helper.shell(as_others .. "luajit " .. helper.quoted(PROGRAM, unpack(words)))
        assert.is_true(code ~= 0)
        assert.is_truthy(text:find("cannot open " .. paths[2] .. ": Permission denied", 1, true), text)
        assert.is_nil(text:find("repair", 1, true), text)
      end
      helper.execute("chmod", "644", paths[2])
    end)

    it("do not replace what is no such cache", function()
      local text, code = run("merge", paths[1], unpack(paths))
      assert.are.equal(2, code)
      assert.is_truthy(text:find("belongs to one of the shards", 1, true), text)
      local out = folder .. "/there.npy"
      cache_helper.write(out, "a letter to a friend")
      text, code = run("merge", out, unpack(paths))
      assert.are.equal(2, code)
      assert.is_truthy(text:find("replace it with --force", 1, true), text)
      assert.are.equal("a letter to a friend", cache_helper.contents(out))
      text, code = run("merge", out, "--force", unpack(paths))
      assert.are.equal(0, code, text)
      assert_same_cache(whole, out)
      -- Another cache, and a run that is not finished.
      run("cache", input, out, "--length", "3", "--force")
      local before = cache_helper.contents(out)
      text, code = run("merge", out, unpack(paths))
      assert.are.equal(2, code)
      assert.is_truthy(text:find("length (the cache has 3, asked for is 6)", 1, true), text)
      assert.is_true(before == cache_helper.contents(out))
      cache_helper.remove(out)
      cache_helper.write(out .. ".partial", cache_helper.contents(whole))
      local fields = require("vk_compute.cache.metadata").read(whole .. ".json")
      require("vk_compute.cache.journal").create(out .. ".journal", fields, { [0] = fields.row_checksums:sub(1, 16) })
        :close()
      text, code = run("merge", out, unpack(paths))
      assert.are.equal(2, code)
      assert.is_truthy(text:find("is a computation of the same that is not finished", 1, true), text)
      text, code = run("merge", out, "--force", unpack(paths))
      assert.are.equal(0, code, text)
      assert_same_cache(whole, out)
      assert.is_false(cache_helper.exists(out .. ".journal"))
    end)
  end)

  it("merge in memory that is less than any of them", function()
    local n, count = 4000, 4
    local data = ffi.new("float[?]", n, 1)
    local words = {}
    for index = 0, count - 1 do
      words[index + 1] = ("%s/large.%d.npy"):format(folder, index)
      writer.run({
        path = words[index + 1], embeddings = { data = data, n = n, d = 1, bytes = 4 * n, path = folder .. "/none" },
        vk = walks_in_order(n, 100), shard = ("%d/%d"):format(index, count), report = function() end,
        plan = function() end, notice = function() end, stop = function() return 0 end,
      })
    end
    local text, code = helper.run_script(([[
      package.path = %q .. package.path
      local merge = require("vk_compute.cache.merge")
      local shards = {}
      for index = 0, %d do shards[index + 1] = ("%%s/large.%%d.npy"):format(%q, index) end
      print(merge.run({ path = %q, shards = shards, report = function() end, stop = function() return 0 end }).outcome)
      for line in io.lines("/proc/self/status") do print(line) end]]):format(helper.ROOT .. "/lua/?.lua;", count - 1,
      folder, folder .. "/large.npy"), {})
    assert.are.equal(0, code, text)
    assert.is_truthy(text:find("merged\n", 1, true), text)
    local most = tonumber(text:match("VmHWM:%s*(%d+) kB")) * 1024
    local shard_bytes = #cache_helper.contents(words[1])
    print(("\nmerging %d shards of %.0f MB took %.1f MB at most"):format(count, shard_bytes / 1e6, most / 1e6))
    assert.is_true(most < shard_bytes)
    for _, path in ipairs({ folder .. "/large.npy", unpack(words) }) do cache_helper.remove(path) end
  end)
end)
