-- vulkan-compute where it is started in other ways than from an ordinary terminal: with streams that are closed, on a
-- terminal that shows text only, and interrupted before it has begun.

local cache_helper = require("cache_helper")
local helper = require("helper")

local PROGRAM = helper.ROOT .. "/bin/vulkan-compute"

describe("vulkan-compute", function()
  local folder, input

  setup(function()
    folder = helper.temporary_folder()
    input = folder .. "/input.npy"
    cache_helper.write_embeddings(input, helper.kinds["unequal norms"](30, 5), 30, 5)
  end)
  teardown(function() helper.execute("rm", "-rf", folder) end)

  local function shell(text)
    return cache_helper.shell(("cd '%s' && %s"):format(folder, text))
  end

  it("writes the same files where standard streams are closed", function()
    -- What one command writes, another one reads.
    local commands = {
      "cache ../input.npy diversity.npy", "neighbors ../input.npy neighbors.npy --k 4 --similarities",
      "similarity ../input.npy similarity.npy", "export neighbors.npy neighbors.json",
      "verify ../input.npy neighbors.npy --repair",
    }
    local files = { "diversity.npy", "neighbors.npy", "similarity.npy", "neighbors.similarities.npy" }
    local function make(name, closed)
      local lines = { "mkdir " .. name .. " && cd " .. name }
      for _, words in ipairs(commands) do
        lines[#lines + 1] = ("timeout 60 '%s' %s %s"):format(PROGRAM, words, closed)
        -- Something to repair, by the last of them.
        if words:find("^export") then lines[#lines + 1] = "printf x | dd of=neighbors.npy bs=1 seek=140 conv=notrunc"
        end
      end
      shell(table.concat(lines, "\n"))
    end
    make("open", "")
    local closings = { "<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-" }
    for k, closed in ipairs(closings) do
      make("closed" .. k, closed)
      for _, file in ipairs(files) do
        local expected = cache_helper.contents(folder .. "/open/" .. file)
        local made = cache_helper.contents(("%s/closed%d/%s"):format(folder, k, file))
        -- A command that cannot say what it has done ends: then the second of two files is not there.
        local may_lack = file == files[4] and (" " .. closed):find(" >&-", 1, true)
        assert.is_true(made == expected or may_lack and made == nil, file .. " with " .. closed)
      end
      assert.is_true(cache_helper.exists(("%s/closed%d/neighbors.json"):format(folder, k)), closed)
      local text, code = shell(("timeout 60 '%s' verify input.npy closed%d/neighbors.npy"):format(PROGRAM, k))
      assert.are.equal(0, code, text)
    end
  end)

  it("fails, and says so, where its result has nowhere to go", function()
    assert.are.same({ "error: cannot write to standard output: Bad file descriptor\n", 2 },
      { shell(("'%s' --version >&-"):format(PROGRAM)) })
  end)

  -- What a terminal of 20 columns gets.
  local function on_terminal(name, words)
    return (shell(("TERM=%s script -qec \"stty cols 20; '%s' %s\" /dev/null </dev/null"):format(name, PROGRAM, words)))
  end

  it("sends a terminal that shows text only nothing else", function()
    for _, words in ipairs({ "cache input.npy $RANDOM.npy", "report input.npy", "check nothing.npy --watch" }) do
      for _, name in ipairs({ "dumb", "''" }) do
        assert.is_nil(on_terminal(name, words):find("\27", 1, true), name .. " " .. words)
      end
    end
    assert.is_truthy(on_terminal("xterm", "report input.npy"):find("\27[K", 1, true))
  end)

  it("ends at once with Ctrl-C, also while its modules are loaded", function()
    -- A module that interrupts, and waits until that has come.
    cache_helper.write(folder .. "/argparse.lua", [[
      local ffi = require("ffi")
      ffi.cdef("int kill(int, int); int getpid(void);")
      ffi.C.kill(ffi.C.getpid(), 2)
      for _ = 1, 1e8 do end
      error("not interrupted")]])
    local text, code = shell(("LUA_PATH='%s/?.lua;;' '%s' devices"):format(folder, PROGRAM))
    assert.are.same({ "", 130 }, { text, code })
  end)
end)
