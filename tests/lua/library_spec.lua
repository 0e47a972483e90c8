local helper = require("helper")

-- Copies of the modules in folders of all kinds, each run in a process of its own.
describe("the library", function()
  local folder

  before_each(function() folder = helper.temporary_folder() end)
  after_each(function() helper.execute("rm", "-r", folder) end)

  local function install_modules(target)
    helper.execute("mkdir", "-p", target)
    helper.execute("cp", "-r", helper.ROOT .. "/lua/.", target)
    return target
  end

  local function install_library(path)
    helper.execute("mkdir", "-p", path:match("^(.*)/"))
    helper.execute("cp", helper.LIBRARY, path)
  end

  -- A library of another version, or none at all, made from C.
  local function compile(source, path)
    local file = assert(io.open(folder .. "/library.c", "w"))
    file:write(source)
    file:close()
    helper.execute("cc", "-shared", "-fPIC", folder .. "/library.c", "-o", path)
  end

  -- LuaJIT without the system's list of libraries: one in /usr/local/lib is then not found.
  local luajit
  setup(function()
    for line in io.lines("/proc/self/maps") do
      local loader = line:match("/%S*/ld%-linux%S*")
      if loader then
        luajit = loader .. " --inhibit-cache $(command -v luajit)"
        break
      end
    end
    assert(luajit, "no dynamic loader among this process's files")
  end)

  local function run(script, modules, environment)
    environment.LUA_PATH = modules .. "/?.lua;;"
    environment.VKC_LIBRARY = environment.VKC_LIBRARY or ""
    return helper.run_script(script, environment, luajit)
  end

  local VERSION = [[
    local vk = require("vk_compute")
    print(vk.version())
  ]]
  -- Where it came from, as the system sees it.
  local ORIGIN = VERSION .. [[
    for line in io.lines("/proc/self/maps") do
      local path = line:match("/%S*libvulkan_compute%S*")
      if path then print(path) break end
    end
  ]]

  local function assert_loads(path, modules, environment)
    local output, code = run(ORIGIN, modules, environment or {})
    assert.are.equal(0, code, output)
    assert.is_truthy(output:match("^%d+%.%d+%.%d+\n"), output)
    assert.are.equal(path, output:match("\n(/.*)\n"), output)
  end

  local function assert_fails(modules, environment, ...)
    local output, code = run(VERSION, modules, environment)
    assert.are.equal(1, code, output)
    -- /usr/bin/luajit: SCRIPT:2: message
    assert.is_truthy(output:match("^/%S*luajit: [^\n]-:2: "), output)
    for _, words in ipairs({ ... }) do
      assert.is_truthy(output:find(words, 1, true), ("%q is not in: %s"):format(words, output))
    end
  end

  it("is found by VKC_LIBRARY, before all else", function()
    local modules = install_modules(folder .. "/lua")
    install_library(folder .. "/build/libvulkan_compute.so")
    install_library(folder .. "/else/where/libvulkan_compute.so.7")
    assert_loads(folder .. "/else/where/libvulkan_compute.so.7", modules,
      { VKC_LIBRARY = folder .. "/else/where/libvulkan_compute.so.7" })
  end)

  it("is found in the built tree", function()
    local modules = install_modules(folder .. "/lua")
    install_library(folder .. "/build/libvulkan_compute.so")
    assert_loads(folder .. "/build/libvulkan_compute.so", modules)
  end)

  it("is found in the same folder as the modules", function()
    local modules = install_modules(folder .. "/anywhere")
    install_library(folder .. "/anywhere/libvulkan_compute.so")
    assert_loads(folder .. "/anywhere/libvulkan_compute.so", modules)
  end)

  it("is found in the prefix that the modules are installed in", function()
    local multiarch = "lib/" .. ({ x64 = "x86_64", arm64 = "aarch64" })[jit.arch] .. "-linux-gnu"
    for _, lib in ipairs({ multiarch, "lib64", "lib" }) do
      local modules = install_modules(folder .. "/prefix/share/lua/5.1")
      install_library(folder .. "/prefix/" .. lib .. "/libvulkan_compute.so.0")
      assert_loads(folder .. "/prefix/" .. lib .. "/libvulkan_compute.so.0", modules)
    end
  end)

  it("is found by the system's search", function()
    local modules = install_modules(folder .. "/modules")
    for _, name in ipairs({ "libvulkan_compute.so", "libvulkan_compute.so.0" }) do
      install_library(folder .. "/system/" .. name)
      assert_loads(folder .. "/system/" .. name, modules, { LD_LIBRARY_PATH = folder .. "/system" })
    end
  end)

  it("is found by modules on a relative path, after a change of directory", function()
    install_modules(folder .. "/lua")
    install_library(folder .. "/build/libvulkan_compute.so")
    local script = ([[
      local unistd = require("posix.unistd")
      assert(unistd.chdir("%s"))
      package.path = "lua/?.lua"
      local vk = require("vk_compute")
      assert(unistd.chdir("/"))
      print(vk.version())
    ]]):format(folder)
    local output, code = helper.run_script(script, { LUA_PATH = ";;", VKC_LIBRARY = "" })
    assert.are.equal(0, code, output)
  end)

  it("is looked for at the first use: require works without", function()
    local modules = install_modules(folder .. "/lua")
    local output, code = run('print(type(require("vk_compute").init))', modules, {})
    assert.are.same({ "function\n", 0 }, { output, code })
  end)

  it("is not needed to read a cache", function()
    local modules = install_modules(folder .. "/lua")
    local output, code = run('require("vk_compute").load_diversity_cache("/no/such/cache.npy")', modules, {})
    assert.are.equal(1, code)
    assert.is_truthy(output:find("/no/such/cache.npy", 1, true), output)
    assert.is_nil(output:find("libvulkan_compute", 1, true), output)
  end)

  it("is not needed to read embeddings", function()
    local modules = install_modules(folder .. "/lua")
    local output, code = run(([[
      print(require("vk_compute").read_embeddings("%s/data/psalms.npy").description)]]):format(helper.ROOT),
      modules, {})
    assert.are.same({ ".npy of float32, 2,461 embeddings of 512 numbers\n", 0 }, { output, code })
  end)

  it("is declared once, however often the modules are loaded", function()
    local modules = install_modules(folder .. "/lua")
    local output, code = run([[
      require("vk_compute")
      for name in pairs(package.loaded) do
        if name:find("^vk_compute") then package.loaded[name] = nil end
      end
      print(require("vk_compute").version())
    ]], modules, { VKC_LIBRARY = helper.LIBRARY })
    assert.are.equal(0, code, output)
  end)

  it("that is missing is reported with every path tried and what to do", function()
    assert_fails(install_modules(folder .. "/lua"), { LD_LIBRARY_PATH = "" },
      "libvulkan_compute was not found",
      folder .. "/lua/libvulkan_compute.so\n",
      folder .. "/build/libvulkan_compute.so\n",
      "libvulkan_compute.so.0 (the system's search",
      "cmake -S . -B build", "VKC_LIBRARY")
    assert_fails(install_modules(folder .. "/prefix/share/lua/5.1"), { LD_LIBRARY_PATH = "" },
      folder .. "/prefix/share/lua/5.1/libvulkan_compute.so\n",
      folder .. "/prefix/lib/libvulkan_compute.so.0\n",
      folder .. "/prefix/lib64/libvulkan_compute.so.0\n",
      "-linux-gnu/libvulkan_compute.so.0\n")
  end)

  it("that VKC_LIBRARY names wrongly is reported, whatever else there is", function()
    local modules = install_modules(folder .. "/lua")
    install_library(folder .. "/build/libvulkan_compute.so")
    assert_fails(modules, { VKC_LIBRARY = "/no/such/library.so" },
      "libvulkan_compute was not found", "/no/such/library.so (VKC_LIBRARY)", "unset it")
  end)

  it("that is no library is reported", function()
    local modules = install_modules(folder .. "/lua")
    helper.execute("cp", "-r", modules .. "/vk_compute.lua", folder .. "/text.so")
    assert_fails(modules, { VKC_LIBRARY = folder .. "/text.so" },
      "cannot load libvulkan_compute", folder .. "/text.so")
    assert_fails(modules, { VKC_LIBRARY = folder }, "cannot load libvulkan_compute")
    compile("int something_else;", folder .. "/other.so")
    assert_fails(modules, { VKC_LIBRARY = folder .. "/other.so" },
      folder .. "/other.so is not libvulkan_compute: it has no vkc_version")
  end)

  it("of another major version, or of another minor one while major is 0, is refused", function()
    local modules = install_modules(folder .. "/lua")
    for version, text in pairs({ [1000000] = "1.0.0", [2001000] = "2.1.0", [999000] = "0.999.0" }) do
      compile(([[
        unsigned vkc_version(void) { return %d; }
        const char* vkc_version_string(void) { return "%s"; }
      ]]):format(version, text), folder .. "/other.so")
      assert_fails(modules, { VKC_LIBRARY = folder .. "/other.so" },
        ("%s/other.so is version %s, but this Lua module is made for version"):format(folder, text))
    end
  end)

  it("of another patch version is taken", function()
    local declarations = require("vk_compute.ffi.declarations")
    local modules = install_modules(folder .. "/lua")
    compile(([[
      unsigned vkc_version(void) { return %d * 1000000 + %d * 1000 + 99; }
      const char* vkc_version_string(void) { return "patched"; }
    ]]):format(declarations.VERSION_MAJOR, declarations.VERSION_MINOR), folder .. "/patched.so")
    assert.are.same({ "patched\n", 0 },
      { run(VERSION, modules, { VKC_LIBRARY = folder .. "/patched.so" }) })
  end)
end)
