-- Programs in other languages that run vulkan-compute through a pipe: tests/clients.

local cache_helper = require("cache_helper")
local ffi = require("ffi")
local helper = require("helper")

describe("from another language", function()
  local START = 123
  local expected

  setup(function()
    local file = cache_helper.contents(cache_helper.PSALMS)
    local n, d = file:match("'shape': %((%d+), (%d+)%)")
    local bytes = file:sub(-4 * n * d)
    local context = helper.new()
    context:upload_embeddings(ffi.cast("const float *", bytes), tonumber(n), tonumber(d))
    local walk = context:compute_diversity_sequence(START)
    context:shutdown()
    helper.assert_no_validation_messages()
    expected = ("%d items: from %d first to %d, last to %d\n"):format(#walk, walk[1], walk[2],
      walk[#walk])
  end)

  -- Output, errors among it, and exit code. folder: where vulkan-compute is.
  local function client(words, embeddings, folder)
    return cache_helper.shell(("PATH='%s:'$PATH; %s '%s' %d"):format(folder or helper.ROOT .. "/bin",
      words:format(helper.ROOT .. "/tests/clients"), embeddings, START))
  end

  for language, words in pairs({
    ["plain Lua 5.4"] = "lua5.4 '%s/client.lua'",
    ["Node.js"] = "node '%s/client.js'",
    ["Python"] = "python3 '%s/client.py'",
  }) do
    it(language .. " uses a diversity sequence", function()
      assert.are.same({ expected, 0 }, { client(words, cache_helper.PSALMS) })
    end)

    it(language .. " learns of a signal that ended it", function()
      local folder = helper.temporary_folder()
      local program = folder .. "/vulkan-compute"
      for _, before in ipairs({ "", [[echo '{"sequence":[123,4,5]}';]] }) do
        cache_helper.write(program, "#!/bin/sh\n" .. before .. "kill -KILL $$\n")
        helper.execute("chmod", "+x", program)
        local text, code = client(words, cache_helper.PSALMS, folder)
        assert.are_not.equal(0, code, text)
        assert.is_falsy(text:find("items: from", 1, true), text)
        assert.is_truthy(text:find("%S"), "says nothing")
      end
      helper.execute("rm", "-r", folder)
    end)

    it(language .. " learns of an error", function()
      local text, code = client(words, "/no/such/file.npy")
      assert.are_not.equal(0, code, text)
      assert.is_truthy(text:find("error: cannot open /no/such/file.npy: No such file", 1, true), text)
    end)
  end
end)
