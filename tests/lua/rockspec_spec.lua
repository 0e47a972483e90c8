-- The Lua part as a rock, made and used without a network.

local cache_helper = require("cache_helper")
local helper = require("helper")

describe("the rock", function()
  local folder

  setup(function() folder = helper.temporary_folder() end)
  teardown(function() helper.execute("rm", "-rf", folder) end)

  it("has the version of the library", function()
    local version = require("vk_compute").version()
    local file = ("%s/vulkan_compute-%s-1.rockspec"):format(helper.ROOT, version)
    assert.is_truthy((cache_helper.contents(file) or ""):find(('\nversion = "%s-1"\n'):format(version), 1, true),
      "there is no " .. file)
  end)

  it("installs the modules and the program", function()
    local output, code = cache_helper.shell(([[
      cd '%s' && luarocks --lua-version=5.1 lint vulkan_compute-*.rockspec &&
      luarocks --lua-version=5.1 make --tree '%s/tree' --deps-mode none --no-manifest vulkan_compute-*.rockspec
    ]]):format(helper.ROOT, folder))
    assert.are.equal(0, code, output)
    local function modules(root)
      return (cache_helper.shell(("cd '%s' && find . -type f | LC_ALL=C sort"):format(root)))
    end
    assert.are.equal(modules(helper.ROOT .. "/lua"), modules(folder .. "/tree/share/lua/5.1"))
    local program = ("cd / && VKC_LIBRARY='%s' '%s/tree/bin/vulkan-compute'"):format(helper.LIBRARY, folder)
    output, code = cache_helper.shell(program .. " diversity-sequence --length 2 --start 3 " .. cache_helper.PSALMS
      .. " 2>/dev/null")
    assert.are.equal(0, code, output)
    assert.is_truthy(output:match("^3\n%d+\n$"), output)
  end)
end)
