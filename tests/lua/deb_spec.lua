-- The Debian package that cpack makes of this build. tests/tools/deb_test.sh installs one.

local cache_helper = require("cache_helper")
local helper = require("helper")

describe("the Debian package", function()
  local folder, package

  local function shell(command)
    local output, code = cache_helper.shell(command)
    assert.are.equal(0, code, output)
    return output
  end

  setup(function()
    folder = helper.temporary_folder()
    shell(helper.quoted("cpack", "-G", "DEB", "-B", folder, "--config",
      helper.LIBRARY:match("^(.*)/") .. "/CPackConfig.cmake"))
    package = shell("ls " .. helper.quoted(folder) .. "/*.deb"):match("[^\n]+")
    shell(helper.quoted("dpkg-deb", "-x", package, folder .. "/root"))
  end)
  teardown(function() helper.execute("rm", "-rf", folder) end)

  it("has the library's version and says what it needs", function()
    local control = shell(helper.quoted("dpkg-deb", "-f", package))
    assert.is_truthy(control:find("\nVersion: " .. require("vk_compute").version() .. "\n", 1, true), control)
    -- What is loaded at run time no program can tell.
    for _, name in ipairs({ "libvulkan1", "luajit", "lua-cjson", "lua-posix", "libxxhash0", "zlib1g", "libc6" }) do
      assert.is_truthy(control:match("Depends: [^\n]*"):find(name, 1, true), control)
    end
  end)

  it("holds all that there is to use, and nothing that names where it was made", function()
    local names = shell(("cd %s && find . -type f -o -type l"):format(helper.quoted(folder .. "/root")))
    for _, name in ipairs({ "usr/bin/vulkan-compute", "usr/include/vulkan_compute.h", "libvulkan_compute.so",
      "pkgconfig/vulkan_compute.pc", "vulkan_computeConfig.cmake", "usr/share/lua/5.1/vk_compute.lua",
      "usr/share/lua/5.1/vk_compute/formats/csv.lua", "usr/share/man/man1/vulkan-compute.1.gz",
      "usr/share/doc/vulkan-compute/copyright", "usr/share/doc/vulkan-compute/changelog.gz",
      "usr/share/doc/vulkan-compute/python.md", "usr/lib/python3/dist-packages/vulkan_compute/__init__.py",
      "usr/lib/python3/dist-packages/vulkan_compute/py.typed" }) do
      assert.is_truthy((names .. "\n"):find(name .. "\n", 1, true), name)
    end
    assert.is_nil(names:find("__pycache__", 1, true))
    local output, code = cache_helper.shell(
      helper.quoted(helper.ROOT .. "/tests/tools/grep_paths.sh", helper.ROOT, "--", folder .. "/root"))
    assert.are.same({ "", 1 }, { output, code })
  end)

  it("runs from where it was unpacked", function()
    local output = shell("cd / && env -u VKC_LIBRARY -u LUA_PATH "
      .. helper.quoted(folder .. "/root/usr/bin/vulkan-compute", "diversity-sequence", cache_helper.PSALMS, "--start",
        "123", "--length", "3") .. " 2>/dev/null")
    assert.is_truthy(output:find("^123\n%d+\n%d+\n$"), output)
    output = shell(("cd / && env -u VKC_LIBRARY PYTHONPATH=%s PYTHONDONTWRITEBYTECODE=1 LD_LIBRARY_PATH=%s "
      .. "/usr/bin/python3 -c 'import vulkan_compute; print(vulkan_compute.version())'"):format(
        helper.quoted(folder .. "/root/usr/lib/python3/dist-packages"),
        "$(dirname $(find " .. helper.quoted(folder .. "/root") .. " -name libvulkan_compute.so))"))
    assert.are.equal(require("vk_compute").version() .. "\n", output)
  end)
end)
