-- Files of release 0.1, in tests/data/0.1, are read, gone on with and made again byte for byte.

local cache_helper = require("cache_helper")
local cjson = require("cjson")
local ffi = require("ffi")
local helper = require("helper")
local vk = require("vk_compute")

local KEPT = helper.ROOT .. "/tests/data/0.1"
local EMBEDDINGS = KEPT .. "/embeddings.npy"
local N, UNFINISHED_ROWS = 67, 58

local KINDS = {
  { name = "diversity", command = cache_helper.COMPUTE, load = vk.load_diversity_cache, length = N, options = {} },
  { name = "neighbors", command = cache_helper.NEIGHBORS, load = vk.load_neighbors_cache, length = 10,
    options = { "--k", "10", "--center" } },
}

describe("release 0.1's", function()
  local folder
  setup(function() folder = helper.temporary_folder() end)
  teardown(function() helper.execute("rm", "-rf", folder) end)

  for _, kind in ipairs(KINDS) do
    local finished = KEPT .. "/" .. kind.name .. ".npy"
    local unfinished = KEPT .. "/unfinished_" .. kind.name .. ".npy"
    local path, expected, metadata

    local function must_run(script, ...)
      local output, code = cache_helper.run(script, ...)
      assert.are.equal(0, code, output)
      return output
    end

    -- The cache at path is the one that release 0.1 made, but for the run that made it.
    local function assert_as_then()
      assert.is_true(cache_helper.contents(path) == expected, "other rows")
      local now = cjson.decode(cache_helper.contents(path .. ".json"))
      for member, value in pairs(metadata) do
        if member ~= "device" and member ~= "library_version" and member ~= "date" and member ~= "checksum" then
          assert.are.equal(value, now[member], member)
        end
      end
    end

    describe(kind.name, function()
      setup(function()
        path = folder .. "/" .. kind.name .. ".npy"
        expected = cache_helper.contents(finished)
        metadata = cjson.decode(cache_helper.contents(finished .. ".json"))
      end)
      before_each(function() cache_helper.remove(path) end)

      it("finished cache is read, row by row", function()
        local cache = kind.load(finished, { embeddings = EMBEDDINGS })
        local ids = ffi.cast("uint32_t *", ffi.cast("const char *", expected) + #expected - N * kind.length * 4)
        for row = 0, N - 1 do
          for k, id in ipairs(cache:row(row)) do assert.are.equal(ids[row * kind.length + k - 1], id) end
        end
        cache:close()
      end)

      it("finished cache is checked, verified, and left as it is by another run", function()
        cache_helper.copy(finished, path)
        local status = cjson.decode((must_run(cache_helper.CHECK, path, "--json")))
        assert.are.same({ "finished", N, {} }, { status.state, status.done, status.problems })
        must_run(kind.command, EMBEDDINGS, path, "--verify", unpack(kind.options))
        must_run(kind.command, EMBEDDINGS, path, unpack(kind.options))
        assert.is_true(cache_helper.contents(path) == expected)
        assert.are.equal(cache_helper.contents(finished .. ".json"), cache_helper.contents(path .. ".json"))
      end)

      it("unfinished cache is read as far as it goes", function()
        local cache = kind.load(unfinished, { partial = true })
        assert.are.equal(UNFINISHED_ROWS, cache.done)
        assert.are.equal(kind.length, #cache:row(UNFINISHED_ROWS - 1))
        cache:close()
      end)

      it("unfinished cache is gone on with, and only what is missing is computed", function()
        cache_helper.copy(unfinished, path)
        -- A journal is removed at the end of a run: a link keeps it.
        local journal = folder .. "/kept"
        helper.execute("ln", path .. ".journal", journal)
        must_run(kind.command, EMBEDDINGS, path, "--batch", "4", unpack(kind.options))
        assert_as_then()
        local before, after = cache_helper.contents(unfinished .. ".journal"), cache_helper.contents(journal)
        os.remove(journal)
        assert.are.equal(before, after:sub(1, #before))
        local computed = 0
        for first, count in after:sub(#before + 1):gmatch("%[(%d+),(%d+)%]") do
          assert.is_true(tonumber(first) >= UNFINISHED_ROWS)
          computed = computed + count
        end
        assert.are.equal(N - UNFINISHED_ROWS, computed)
      end)

      it("unfinished cache whose journal is torn is gone on with", function()
        cache_helper.copy(unfinished, path)
        cache_helper.write(path .. ".journal", cache_helper.contents(path .. ".journal"):sub(1, -10))
        must_run(kind.command, EMBEDDINGS, path, unpack(kind.options))
        assert_as_then()
      end)

      it("damaged cache is repaired", function()
        cache_helper.copy(finished, path)
        cache_helper.flip(path, #expected - 5)
        local _, code = cache_helper.run(kind.command, EMBEDDINGS, path, "--verify", unpack(kind.options))
        assert.are.equal(1, code)
        must_run(kind.command, EMBEDDINGS, path, "--verify", "--repair", unpack(kind.options))
        assert_as_then()
      end)
    end)
  end
end)
