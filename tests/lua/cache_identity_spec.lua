-- The bytes that identities stand for in files are those of release 0.1, and reading a cache loads little.

local ffi = require("ffi")
local cache_helper = require("cache_helper")
local helper = require("helper")
local identity = require("vk_compute.cache.identity")
local journal = require("vk_compute.cache.journal")
local metadata = require("vk_compute.cache.metadata")

describe("an identity", function()
  local data = ffi.new("float[12]", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
  local path = os.tmpname()

  teardown(function() os.remove(path) end)

  local function identity_of(kind, centered)
    return identity.of({ data = data, n = 4, d = 3, bytes = 48 },
      { kind = kind, length = 2, centered = centered, definition_version = 1 })
  end

  -- As release 0.1 wrote them.
  local WRITTEN = {
    { kind = "diversity", centered = false, fingerprint = "0a6eeb7340a8fffcd5d188815c5a6772",
      line = "ef08ff531f4b79e1", metadata = "059141b4750a12d361adddf5a9e65974" },
    { kind = "diversity", centered = true, fingerprint = "01ca314bfe6d0a0bdad264eb110194c3",
      line = "f6b2178aedb3c7d1", metadata = "3b8473ef1a69faa00c7494f194f72619" },
    { kind = "neighbors", centered = false, fingerprint = "bbf6421c7e590bd8273b0a8bde04efe6",
      line = "2cfdec1f717a6749", metadata = "232c6d7d16cf695fc3122e4c99799e51" },
    { kind = "neighbors", centered = true, fingerprint = "ab80d4625c850b358b4281d1e87f94e3",
      line = "300877b214f1e663", metadata = "ccb40c26abfeab7878db78c45c23f3ac" },
  }

  for _, written in ipairs(WRITTEN) do
    local what = identity_of(written.kind, written.centered)
    local name = written.kind .. (written.centered and ", centred, " or " ")

    it("of " .. name .. "has the same fingerprint", function()
      assert.are.equal(written.fingerprint, what.fingerprint)
    end)

    it("of " .. name .. "begins the same journal", function()
      journal.create(path, what, {}):close()
      assert.are.equal(('%s {"journal":1,%s"n":4,"d":3,"length":2,"centered":%s,"definition_version":1,'
        .. '"embeddings_checksum":"bc2cec5e36d4ea7017f7fca258a1e422","fingerprint":"%s"}\n'):format(written.line,
        written.kind == "neighbors" and '"kind":"neighbors",' or "", tostring(written.centered), written.fingerprint),
        cache_helper.contents(path))
      assert.are.same(what, identity.copy(journal.read(path).what, {}))
    end)

    it("of " .. name .. "has the same metadata", function()
      local fields = identity.copy(what, {
        device = "llvmpipe", library_version = "0.1.0", date = "2026-01-02T03:04:05Z",
        rows_checksum = ("ab"):rep(16), row_checksums = ("0123456789abcdef"):rep(4),
      })
      metadata.write(path, fields)
      assert.are.equal(([[
{
  "format": "vulkan_compute %s cache",
  "format_version": 1,
  "n": 4,
  "d": 3,
  "length": 2,
  "centered": %s,
  "definition_version": 1,
  "embeddings_checksum": "bc2cec5e36d4ea7017f7fca258a1e422",
  "fingerprint": "%s",
  "device": "llvmpipe",
  "library_version": "0.1.0",
  "date": "2026-01-02T03:04:05Z",
  "rows_checksum": "abababababababababababababababab",
  "row_checksums": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
  "checksum": "%s"
}
]]):format(written.kind == "neighbors" and "nearest neighbors" or "diversity", tostring(written.centered),
        written.fingerprint, written.metadata), cache_helper.contents(path))
      assert.are.same(what, identity.copy(metadata.read(path), {}))
    end)
  end

  it("differs by what is said to differ", function()
    local cached, asked = identity_of("diversity", false), identity_of("neighbors", true)
    asked.length, asked.embeddings_checksum = 3, ("0"):rep(32)
    assert.is_nil(identity.difference(cached, cached))
    assert.are.equal("kind (the cache has diversity sequences, asked for is nearest neighbours), "
      .. "length (the cache has 2, asked for is 3), "
      .. "centring (the cache has not centred, asked for is centred), the embeddings themselves",
      identity.difference(cached, asked))
  end)

  it("read from a file is complete only where everything fits", function()
    for name, value in pairs({ kind = "other", n = 5, d = 0, length = 5, centered = 1, definition_version = "1",
      embeddings_checksum = 1, fingerprint = "0" }) do
      local what = identity_of("diversity", false)
      assert.is_true(identity.complete(what))
      what[name] = value
      assert.is_false(identity.complete(what), name)
    end
  end)
end)

describe("a forged file", function()
  local xxhash = require("vk_compute.system.xxhash")
  local data = ffi.new("float[12]")
  local path = os.tmpname()

  teardown(function() os.remove(path) end)

  local what = identity.of({ data = data, n = 4, d = 3, bytes = 48 },
    { kind = "diversity", length = 2, centered = false, definition_version = 1 })

  it("that is a journal lists nothing that cannot be, and raises nothing", function()
    journal.create(path, what, {}):close()
    local header = cache_helper.contents(path)
    for _, json in ipairs({
      "1", "null", "[1]", '"rows"', ("["):rep(5000), '{"rows":1,"checksums":"","time":1}', '{"rows":[1],"time":1}',
      '{"rows":[[0,1e300]],"checksums":"","time":1}', '{"rows":[[0,4000000000]],"checksums":"","time":1}',
      '{"rows":[[3,2]],"checksums":"' .. ("0"):rep(32) .. '","time":1}', '{"rows":[[-1,1]],"checksums":"'
      .. ("0"):rep(16) .. '","time":1}', '{"rows":[[0.5,1]],"checksums":"' .. ("0"):rep(16) .. '","time":1}',
      '{"rows":[[0,1]],"checksums":"' .. ("x"):rep(16) .. '","time":1}', '{"rows":[[0,1]],"checksums":"'
      .. ("0"):rep(16) .. '","time":"now"}', '{"run":1,"time":1}', '{"run":{"device":{}},"time":1}', "{}",
    }) do
      local signed = what.fingerprint .. json
      cache_helper.write(path, header .. ("%s %s\n"):format(xxhash.hex64(signed, #signed), json))
      local state = journal.read(path)
      assert.are.same({ 0, 1 }, { state.done, state.damaged_lines }, json)
      cache_helper.write(path, ("%s %s\n"):format(xxhash.hex64(json, #json), json))
      local read, other = pcall(journal.read, path)
      assert.is_true(read and other.what == nil or not read and not tostring(other):find("%.lua:%d"), json)
    end
  end)

  it("that is metadata is refused in words", function()
    local function write(json)
      local body = '{\n  "format": "vulkan_compute diversity cache",' .. json
      cache_helper.write(path, ('%s,\n  "checksum": "%s"\n}\n'):format(body, xxhash.hex128(body, #body)))
    end
    for _, json in ipairs({ '"n": []', '"n": 4', '"format_version": 1, "n": {}', '"format_version": 1, "kind": 1',
      '"format_version": {}', ("["):rep(5000), "" }) do
      write(json)
      local fields, problem = metadata.read(path)
      assert.is_nil(fields, json)
      assert.is_truthy(problem:find("cannot be used", 1, true), problem)
    end
    -- What is of any size and no metadata is not read.
    cache_helper.shell(("truncate -s 100G '%s'"):format(path))
    cache_helper.shell(("printf x | dd of='%s' conv=notrunc status=none"):format(path))
    assert.is_truthy(select(2, metadata.read(path)):find("it is damaged", 1, true))
    assert.is_truthy(select(2, pcall(journal.read, path)):find("bytes long, and at most", 1, true))
  end)
end)

describe("reading a cache", function()
  it("loads what reading needs, and no more", function()
    local place = cache_helper.workplace(6, 3)
    local output, code = helper.run_script(([[
      package.path = %q .. package.path
      require("vk_compute").load_diversity_cache(%q):row(0)
      for name in pairs(package.loaded) do
        if name:find("^vk_compute") then print(name) end
      end]]):format(helper.ROOT .. "/lua/?.lua;", place.finished), {})
    cache_helper.remove_folder(place)
    assert.are.equal(0, code, output)
    local count = select(2, output:gsub("\n", ""))
    assert.is_true(count <= 34, count .. " modules are loaded:\n" .. output)
    for _, part in ipairs({ "cli", "formats.json", "cache.writer", "cache.compute_process", "system.lock" }) do
      assert.is_nil(output:find("vk_compute." .. part, 1, true), part)
    end
  end)
end)
