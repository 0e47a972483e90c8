local cache_helper = require("cache_helper")
local ffi = require("ffi")
local helper = require("helper")
local vk = require("vk_compute")

local load = vk.load_diversity_cache

local raises = helper.assert_raises

describe("load_diversity_cache", function()
  local n, d = 130, 9
  local place, path, rows

  setup(function()
    place = cache_helper.workplace(n, d)
    path = place.folder .. "/cache.npy"
    local context = helper.new()
    context:upload_embeddings(place.embeddings, n, d)
    rows = context:compute_all_diversity_sequences()
    context:shutdown()
    helper.assert_no_validation_messages()
  end)
  teardown(function() cache_helper.remove_folder(place) end)
  before_each(function()
    cache_helper.remove(path)
    cache_helper.copy(place.finished, path)
  end)

  local function fails(words, fn)
    local ok, problem = pcall(fn)
    assert.is_false(ok, "no error was raised")
    assert.is_truthy(tostring(problem):find(words, 1, true), problem)
  end

  it("gives every row, as a table and as a view", function()
    local cache = load(path)
    assert.are.same({ n, d, n, n, false, true }, { cache.n, cache.d, cache.length, cache.done, cache.centered,
      cache.finished })
    for start = 0, n - 1 do
      assert.are.same(rows[start + 1], cache:row(start))
      local view = cache:row(start, { as = "view" })
      assert.are.equal(n, view.length)
      assert.are.same(rows[start + 1], view:totable())
    end
    cache:close()
  end)

  it("keeps a view valid after close", function()
    local cache = load(path)
    local view = cache:row(3, { as = "view" })
    cache:close()
    cache = nil  -- luacheck: ignore
    for _ = 1, 3 do collectgarbage() end
    assert.are.same(rows[4], view:totable())
  end)

  it("keeps what it copies from, whatever the collector does", function()
    for _, jit in ipairs({ "on", "off" }) do
      local output, code = helper.run_script(([[
        package.path = %q .. package.path
        local ffi = require("ffi")
        local vk = require("vk_compute")
        local path, input, n, d = %q, %q, %d, %d
        collectgarbage("setpause", 0)
        collectgarbage("setstepmul", 1000000)
        jit.%s()
        local sum = 0
        for k = 0, 79 do sum = sum + vk.load_diversity_cache(path):row(k %% n)[2] end
        for _ = 1, 3 do
          vk.load_diversity_cache(path, { embeddings = input }):close()
          vk.load_diversity_cache(path, { embeddings = vk.read_embeddings(input) }):close()
        end
        vk.init()
        for _ = 1, 3 do vk.upload_embeddings(vk.read_embeddings(input)) end
        print(sum, table.concat(vk.compute_diversity_sequence(3), " "))
      ]]):format(helper.ROOT .. "/lua/?.lua;", path, place.input, n, d, jit), {})
      assert.are.equal(0, code, output)
      local sum = 0
      for k = 0, 79 do sum = sum + rows[k % n + 1][2] end
      assert.are.equal(sum .. "\t" .. table.concat(rows[4], " ") .. "\n", output)
    end
  end)

  it("unmaps the file", function()
    for _ = 1, 3 do collectgarbage() end  -- views of earlier tests
    local function mapped()
      return select(2, cache_helper.contents("/proc/self/maps"):gsub(path, ""))
    end
    local cache = load(path)
    assert.are.equal(1, mapped())
    cache:close()
    assert.are.equal(0, mapped())
    cache = load(path)
    local view = cache:row(0, { as = "view" })
    cache:close()
    assert.are.equal(1, mapped())
    assert.are.equal(0, view[0])
    cache, view = nil, nil  -- luacheck: ignore
    for _ = 1, 3 do collectgarbage() end
    assert.are.equal(0, mapped())
  end)

  it("takes the embeddings it was made from, in every form", function()
    local raw = place.folder .. "/input.f32"
    cache_helper.write(raw, ffi.string(place.embeddings, n * d * 4))
    for _, form in ipairs({ place.input, vk.read_embeddings(raw, { d = d }), helper.nested(place.embeddings, n, d),
      { helper.flat(place.embeddings, n, d), n, d }, { place.embeddings, n, d } }) do
      load(path, { embeddings = form }):close()
    end
  end)

  it("refuses a cache of other embeddings", function()
    local other = helper.kinds["duplicates"](n, d)
    fails("the embeddings themselves", function() load(path, { embeddings = { other, n, d } }) end)
    fails("n (the cache has 130, asked for is 129)", function()
      load(path, { embeddings = { place.embeddings, n - 1, d } })
    end)
    fails("the embeddings themselves", function() load(path, { embeddings = cache_helper.PSALMS }) end)
  end)

  it("refuses what is damaged", function()
    cache_helper.flip(path, #place.expected - n * 4 * (n - 5) + 4)
    local cache = load(path)
    assert.are.same(rows[1], cache:row(0))
    fails("row 5 of " .. path .. " is damaged", function() cache:row(5) end)
    cache:close()
    cache_helper.write(path, place.expected:sub(1, -2))
    fails(("is %d bytes long and should be %d: it is damaged: put it right with vulkan-compute verify EMBEDDINGS %s "
      .. "--repair"):format(#place.expected - 1, #place.expected, path), function() load(path) end)
    cache_helper.flip(path .. ".json", 50)
    fails("its checksum does not fit", function() load(path) end)
    os.remove(path .. ".json")
    fails("there is no " .. path .. ".json", function() load(path) end)
    cache_helper.remove(path)
    fails("there is no cache " .. path, function() load(path) end)
  end)

  it("refuses one that is not finished, unless asked for its rows", function()
    local done = cache_helper.make_partial(place, path, 20)
    for _, part in ipairs({ ".partial", ".journal" }) do
      fails(path .. part .. " is not a cache: it is part of the cache " .. path, function() load(path .. part) end)
    end
    fails(("is not finished: %d of %d rows"):format(done, n), function() load(path) end)
    local cache = load(path, { partial = true })
    assert.are.same({ done, false }, { cache.done, cache.finished })
    for start = 0, done - 1 do assert.are.same(rows[start + 1], cache:row(start)) end
    assert.is_nil(cache:row(done))
    cache:close()
  end)

  it("never gives a wrong row while a writer is at work", function()
    cache_helper.remove(path)
    local pid = cache_helper.start(place.folder .. "/output", place.input, path, "--batch", "1")
    local loads, given = 0, 0
    repeat
      local ok, cache = pcall(load, path, { partial = true })
      if ok then
        loads = loads + 1
        for start = 0, n - 1 do
          local row = cache:row(start)
          if row then
            given = given + 1
            assert.are.same(rows[start + 1], row)
          end
          assert.are.equal(start < cache.done, row ~= nil)
        end
        cache:close()
      else
        assert.is_truthy(cache:find("there is no cache", 1, true), cache)
      end
    until ok and cache.finished
    assert.are.same({ "exited", 0 }, { cache_helper.wait(pid) })
    assert.is_true(loads >= 1 and given >= n)
  end)

  it("raises at misuse", function()
    raises("path must be a string", function() load(5) end)
    raises("there is no option", function() load(path, { embedings = {} }) end)
    local cache = load(path)
    raises("start must be an integer", function() cache:row({}) end)
    raises("start 130 is not below n, which is 130", function() cache:row(130) end)
    raises('option as must be "table", "view" or "ids"', function() cache:row(1, { as = "list" }) end)
    cache:close()
    cache:close()
    raises("this cache was closed", function() cache:row(1) end)
  end)

  it("reads rows that were cut", function()
    cache_helper.must_compute(place.input, path, "--force", "--length", "7", "--center")
    local cache = load(path, { embeddings = place.input })
    assert.are.same({ 7, true }, { cache.length, cache.centered })
    assert.are.equal(7, #cache:row(n - 1))
    cache:close()
  end)
end)

describe("the export", function()
  local cjson = require("cjson")
  local n, d = 130, 9
  local place, output

  setup(function()
    place = cache_helper.workplace(n, d)
    output = place.folder .. "/out.json"
  end)
  teardown(function() cache_helper.remove_folder(place) end)

  local function export(...)
    return cache_helper.run(cache_helper.EXPORT, ...)
  end

  it("to JSON holds metadata and every sequence", function()
    local text, code = export(place.finished, output)
    assert.are.equal(0, code, text)
    local json = cjson.decode(cache_helper.contents(output))
    assert.are.same({ n, d, n, false }, { json.metadata.n, json.metadata.d, json.metadata.length,
      json.metadata.centered })
    local cache = load(place.finished)
    assert.are.equal(cache.fingerprint, json.metadata.fingerprint)
    local count = 0
    for _ in pairs(json.sequences) do count = count + 1 end
    assert.are.equal(n, count)
    for start = 0, n - 1 do assert.are.same(cache:row(start), json.sequences[tostring(start)]) end
    cache:close()
  end)

  it("to binary is n, then the rows", function()
    local binary = place.folder .. "/out.bin"
    local text, code = export(place.finished, binary, "--binary")
    assert.are.equal(0, code, text)
    local bytes = cache_helper.contents(binary)
    assert.is_true(bytes == ffi.string(ffi.new("uint32_t[1]", n), 4) .. place.expected:sub(-n * n * 4))
  end)

  it("refuses a damaged or unfinished cache and leaves an earlier output alone", function()
    cache_helper.write(output, "earlier")
    local path = place.folder .. "/cache.npy"
    cache_helper.copy(place.finished, path)
    cache_helper.flip(path, #place.expected - 1)
    local text, code = export(path, output, "--force")
    assert.are.equal(2, code)
    assert.is_truthy(text:find("row 129 of", 1, true), text)
    cache_helper.make_partial(place, path, 5)
    text, code = export(path, output, "--force")
    assert.are.equal(2, code)
    assert.is_truthy(text:find("is not finished", 1, true), text)
    assert.are.equal("earlier", cache_helper.contents(output))
    assert.is_false(cache_helper.exists(output .. ".new"))
    text, code = export(path, place.folder .. "/out.bin")
    assert.are.equal(2, code, text)
  end)
end)
