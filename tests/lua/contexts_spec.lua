local ffi = require("ffi")
local helper = require("helper")
local library = require("vk_compute.ffi.library")
local memory = require("vk_compute.ffi.memory")
local vk = require("vk_compute")

local raises = helper.assert_raises

local METHODS = {
  "upload_embeddings", "embeddings_info", "device_info", "compute_similarity_matrix",
  "compute_similarity_rows", "compute_diversity_sequence", "compute_diversity_sequences",
  "compute_all_diversity_sequences",
}

local ROWS = { { 1, 0 }, { 0.9, 0.1 }, { -1, 0.2 } }

describe("the default context", function()
  after_each(function()
    vk.shutdown()
    helper.assert_no_validation_messages()
  end)

  it("serves the module's functions", function()
    vk.init({ validation = true })
    vk.upload_embeddings(ROWS)
    assert.are.equal(3, vk.embeddings_info().num_embeddings)
    assert.are.same({ 0, 2, 1 }, vk.compute_diversity_sequence(0))
    assert.are.same({ { 0, 2, 1 } }, vk.compute_diversity_sequences({ 0 }))
    assert.are.equal(3, #vk.compute_all_diversity_sequences())
    assert.are.equal(1, vk.compute_similarity_matrix()[3][3])
    assert.are.same(vk.compute_similarity_matrix()[2], vk.compute_similarity_rows(1, 1)[1])
    assert.are.equal("string", type(vk.device_info().name))
  end)

  it("is what init returns", function()
    local context = vk.init({ validation = true })
    context:upload_embeddings(ROWS)
    assert.are.same({ 0, 2, 1 }, vk.compute_diversity_sequence(0))
  end)

  it("is needed by every function on it", function()
    for _, name in ipairs(METHODS) do
      raises(name .. ": there is no default context", function() vk[name]() end)
    end
    vk.init({ validation = true })
    vk.shutdown()
    for _, name in ipairs(METHODS) do
      raises(name .. ": there is no default context, or it was shut down: call init() first",
        function() vk[name]() end)
    end
  end)

  it("is made once, until it is shut down", function()
    vk.init({ validation = true })
    vk.upload_embeddings(ROWS)
    raises("init() was called before", function() vk.init() end)
    assert.are.equal(3, vk.embeddings_info().num_embeddings)
    vk.shutdown()
    vk.shutdown()
    vk.init({ validation = true })
    assert.are.equal(0, vk.embeddings_info().num_embeddings)
  end)

  it("may be shut down through what init returned", function()
    vk.init({ validation = true }):shutdown()
    raises("this context was shut down", function() vk.embeddings_info() end)
    vk.init({ validation = true })
    assert.are.equal(0, vk.embeddings_info().num_embeddings)
  end)
end)

describe("a context", function()
  after_each(helper.assert_no_validation_messages)

  it("is independent of others", function()
    local a, b = helper.new(), helper.new()
    a:upload_embeddings(ROWS)
    b:upload_embeddings({ { 1, 0 }, { 0, 1 } })
    local sequence = a:compute_diversity_sequence(0)
    assert.are.same({ 1, 0 }, b:compute_diversity_sequence(1))
    b:shutdown()
    assert.are.same(sequence, a:compute_diversity_sequence(0))
    a:shutdown()
  end)

  it("refuses use after shutdown, but for another shutdown", function()
    local context = helper.new()
    context:shutdown()
    context:shutdown()
    for _, name in ipairs(METHODS) do
      raises("this context was shut down", function() context[name](context) end)
    end
  end)

  it("refuses calls with the wrong kind of dot", function()
    local context = helper.new()
    for _, name in ipairs(METHODS) do
      raises("with a colon", function() context[name]() end)
      raises("with a colon", function() context[name]({}) end)
      raises(("write vk.%s(...), with a dot"):format(name), function() vk[name](vk) end)
    end
    raises("with a colon", function() context.shutdown() end)
    context:shutdown()
  end)

  it("places errors at the caller's line, however it calls", function()
    local context = helper.new()
    local call = context.compute_diversity_sequence
    raises("start must be", function() call(context, -1) end)
    raises("start must be", function() error(select(2, pcall(call, context, -1)), 0) end)
    raises("start must be", function()
      local thread = coroutine.create(function() call(context, -1) end)
      error(select(2, coroutine.resume(thread)), 0)
    end)
    context:shutdown()
  end)

  it("runs on a device of the list", function()
    local devices = vk.list_devices()
    assert.is_true(#devices > 0)
    for i, device in ipairs(devices) do
      assert.are.equal(i - 1, device.index)
      assert.is_true(device.usable or device.missing ~= "")
    end
    local default = helper.new()
    local chosen = default:device_info()
    assert.are.same(devices[chosen.index + 1], chosen)
    default:shutdown()

    for _, device in ipairs({ chosen.index, tostring(chosen.index), chosen.name:upper() }) do
      local context = vk.new({ device = device, validation = true })
      assert.are.same(chosen, context:device_info())
      context:shutdown()
    end
  end)

  it("describes its device", function()
    local context = helper.new()
    local info = context:device_info()
    assert.is_truthy(info.vulkan_version:find("^1%.%d+%.%d+$"))
    assert.is_true(info.memory_bytes > 2 ^ 20)
    assert.is_true(info.subgroup_size >= 1)
    assert.is_true(info.usable)
    assert.are.equal("", info.missing)
    local types = { "discrete GPU", "integrated GPU", "virtual GPU", "CPU", "other" }
    assert.is_truthy((" " .. table.concat(types, " ")):find(" " .. info.type, 1, true))
    context:shutdown()
  end)

  it("is made with the options given", function()
    local seen = {}
    helper.with_overrides({
      vkc_create = function(options)
        seen = { options.validation, options.device ~= nil and ffi.string(options.device) }
        return -1
      end,
    }, function()
      for _, case in ipairs({
        { { 0, false }, nil },
        { { 0, false }, {} },
        { { 1, false }, { validation = true } },
        { { 0, "7" }, { device = 7, validation = false } },
        { { 0, "Radeon" }, { device = "Radeon" } },
      }) do
        pcall(vk.new, case[2])
        assert.are.same(case[1], seen)
      end
    end)
  end)

  it("is destroyed once, by shutdown or when it is collected", function()
    local destroyed = 0
    local real = library.load()
    helper.with_overrides({
      vkc_destroy = function(handle)
        destroyed = destroyed + 1
        real.vkc_destroy(handle)
      end,
    }, function()
      local context = vk.new()
      context:shutdown()
      assert.are.equal(1, destroyed)
      context:shutdown()
      collectgarbage()
      assert.are.equal(1, destroyed)
      context = vk.new()
      context:upload_embeddings(ROWS)
      collectgarbage()
      assert.are.equal(1, destroyed)
      context = nil  -- luacheck: ignore
      collectgarbage()
      assert.are.equal(2, destroyed)
    end)
  end)

  it("is not made from wrong options", function()
    raises("there is no option", function() vk.new({ devise = 0 }) end)
    raises("option device must be a string or a number, but is a boolean", function()
      vk.new({ device = true })
    end)
    raises("option device, as an index, must be an integer", function() vk.new({ device = -1 }) end)
    raises("option validation must be a boolean", function() vk.new({ validation = 1 }) end)
    raises("options must be a table, but are the string \"0\"", function() vk.new("0") end)
    raises("options must be a table", function() vk.init("0") end)
    for _, device in ipairs({ 1000, "1000", "no such device" }) do
      local err = raises("", function() vk.new({ device = device }) end)
      assert.are.equal("VKC_ERROR_NO_SUCH_DEVICE", err.name)
    end
    raises("no default context", function() vk.embeddings_info() end)
  end)

  it("tells the versions of the library", function()
    assert.is_truthy(vk.version():find("^%d+%.%d+%.%d+$"))
    assert.are.equal(1, vk.definition_version())
  end)
end)

describe("memory", function()
  local n, d = 1024, 8  -- a similarity matrix of 4 MiB
  local data = helper.kinds["unequal norms"](n, d)

  -- How much more memory is held after the given rounds, when the process has warmed up.
  local function growth(rounds, round, warm_up)
    for _ = 1, warm_up or 10 do round() end
    collectgarbage()
    collectgarbage()
    local before = helper.resident_bytes()
    for _ = 1, rounds do round() end
    return helper.resident_bytes() - before
  end

  local function use(context)
    context:upload_embeddings(data, n, d)
    context:compute_diversity_sequence(0, { as = "view" })
  end

  it("of contexts is freed by shutdown, with no help from the collector", function()
    collectgarbage("stop")
    local grown = growth(60, function()
      local context = vk.new()
      use(context)
      context:shutdown()
    end)
    collectgarbage("restart")
    assert.is_true(grown < 60 * 2 ^ 20, ("%d bytes more"):format(grown))
  end)

  it("of forgotten contexts is freed as others are made", function()
    local held = {}
    local of_one = growth(5, function()
      held[#held + 1] = vk.new()
      use(held[#held])
    end, 1) / 5
    for _, context in ipairs(held) do context:shutdown() end
    -- Some wait for the collector at any time; drivers differ in what each takes.
    local grown = growth(60, function() use(vk.new()) end, 30)
    assert.is_true(grown < 60 / 6 * of_one, ("%d bytes more; one takes %d"):format(grown, of_one))
  end)

  it("of a forgotten context is freed at the end of the process, in silence", function()
    local output, code = helper.run_script([[
      local vk = require("vk_compute")
      vk.init()
      vk.upload_embeddings({ { 1, 0 }, { 0, 1 } })
      vk.compute_diversity_sequence(0)
    ]], { LUA_PATH = helper.ROOT .. "/lua/?.lua", VKC_LIBRARY = helper.LIBRARY })
    assert.are.same({ "", 0 }, { output, code })
  end)

  it("of one context does not grow with use", function()
    local context = vk.new()
    local grown = growth(200, function()
      use(context)
      context:compute_similarity_rows(5, 10)
      pcall(context.upload_embeddings, context, { { 1, 0 / 0 } })
      pcall(context.compute_diversity_sequence, context, n)
    end)
    context:shutdown()
    assert.is_true(grown < 60 * 2 ^ 20, ("%d bytes more"):format(grown))
  end)

  it("of results may be larger than ffi.new can give", function()
    local count = 2 ^ 29 + 1
    local block = memory.allocate("uint32_t", count, "a large block")
    block[0], block[count - 1] = 1, 2
    assert.are.same({ 1, 2 }, { block[0], block[count - 1] })
    assert.are.equal(2, (block + 2 ^ 29)[0])
    assert.is_true(ffi.istype("uint32_t*", block))
  end)

  it("that the machine does not have is refused", function()
    raises("a matrix takes 4503599627370496 bytes and this machine refuses them", function()
      memory.allocate("float", 2 ^ 50, "a matrix")
    end)
  end)
end)
