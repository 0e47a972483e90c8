-- Where the command and the scripts take their code from: never from the current folder.

local cache_helper = require("cache_helper")
local helper = require("helper")

-- Modules that the command loads from files, and some of its own.
local MODULES = {
  "argparse", "cjson", "posix/errno", "posix/unistd", "posix/init", "vk_compute", "vk_compute/cli", "table/new", "ffi",
}
local SCRIPTS = {
  "compute-diversity-cache", "compute-nearest-neighbors", "check-diversity-progress", "export-diversity-cache",
}

describe("the search path", function()
  local folder

  before_each(function()
    folder = helper.temporary_folder()
    for _, module in ipairs(MODULES) do
      for _, path in ipairs({ module .. ".lua", module .. "/init.lua" }) do
        helper.execute("mkdir", "-p", (folder .. "/" .. path):match("^(.*)/"))
        cache_helper.write(folder .. "/" .. path, 'os.execute("echo CODE OF THE CURRENT FOLDER RAN")\n')
      end
    end
    -- A shared object that says so as soon as it is loaded.
    cache_helper.write(folder .. "/trap.c", [[
      #include <stdio.h>
      __attribute__((constructor)) static void run(void) { puts("CODE OF THE CURRENT FOLDER RAN"); fflush(stdout); }
    ]])
    helper.execute("cc", "-shared", "-fPIC", folder .. "/trap.c", "-o", folder .. "/cjson.so")
  end)
  after_each(function() helper.execute("rm", "-r", folder) end)

  local function run(environment, ...)
    return cache_helper.shell(("cd '%s' && env %s %s"):format(folder, environment, helper.quoted(...)))
  end

  it("of the command and of the scripts leaves the current folder out, whatever LUA_PATH says", function()
    for _, environment in ipairs({ "A=b", "LUA_PATH=';;'", "LUA_PATH='./?.lua;;' LUA_CPATH='./?.so;;'",
      "LUA_PATH='?.lua;;?/init.lua' LUA_CPATH='?.so;;'", "LUA_INIT= LUA_PATH='.//?.lua;;'" }) do
      local output, code = run(environment, helper.ROOT .. "/bin/vulkan-compute", "--version")
      assert.are.equal(0, code, output)
      assert.is_truthy(output:find("^vulkan%-compute [%d.]+ %(definition 1%)\n$"), output)
      for _, script in ipairs(SCRIPTS) do
        output = run(environment, "luajit", helper.ROOT .. "/scripts/" .. script .. ".lua", "a", "b", "c", "d")
        assert.is_falsy(output:find("RAN", 1, true), output)
      end
    end
  end)

  it("of a program that loads the module stays as it was", function()
    local output, code = cache_helper.shell(([[cd / && luajit -e '
      package.path = "%s/lua/?.lua;" .. package.path
      local path, cpath = package.path, package.cpath
      local vk = require("vk_compute")
      vk.version()
      pcall(vk.load_diversity_cache, "/none")
      pcall(vk.read_embeddings, "/none")
      print(package.path == path and package.cpath == cpath)']]):format(helper.ROOT))
    assert.are.same({ "true\n", 0 }, { output, code })
  end)

  it("that LUA_PATH narrows is told as the reason, in one line", function()
    local output, code = run("LUA_PATH=/none/?.lua", helper.ROOT .. "/bin/vulkan-compute", "--version")
    assert.are.equal(2, code)
    assert.is_truthy(output:find("^error: module 'argparse' not found%. LUA_PATH is set, and hides [^\n]+\n$"), output)
    -- What it advises works.
    for _, advice in ipairs({ "-u LUA_PATH", "LUA_PATH='/none/?.lua;;'" }) do
      output, code = run(advice, helper.ROOT .. "/bin/vulkan-compute", "--version")
      assert.are.equal(0, code, output)
    end
    output, code = run("LUA_PATH=/usr/share/lua/5.1/?.lua LUA_CPATH=/none/?.so", helper.ROOT .. "/bin/vulkan-compute",
      "--version")
    assert.are.equal(2, code)
    assert.is_truthy(output:find("LUA_CPATH is set, and hides", 1, true), output)
  end)

  it("with a module that is broken in it gives the whole reason", function()
    cache_helper.write(folder .. "/argparse.lua", "this is no Lua\n")
    local environment = ("LUA_PATH='%s/?.lua;;'"):format(folder)
    local output, code = run(environment, helper.ROOT .. "/bin/vulkan-compute", "--version")
    assert.are.equal(2, code)
    assert.is_truthy(output:find("^error: error loading module 'argparse' [^\n]*argparse.lua:1: [^\n]+\n$"), output)
  end)
end)
