-- Who may use whom: the #includes of src/ and of the shaders, and the requires of lua/, point one way.

local cache_helper = require("cache_helper")
local helper = require("helper")

local function files(...)
  local list = {}
  for _, folder in ipairs({ ... }) do
    local output = cache_helper.shell("cd " .. helper.quoted(helper.ROOT) .. " && find " .. folder .. " -type f | sort")
    for path in output:gmatch("[^\n]+") do list[#list + 1] = path end
  end
  return list
end

local function contents(path) return cache_helper.contents(helper.ROOT .. "/" .. path) end

-- Calls fn(file, name) for each pair of a file and what it uses: uses is file -> list of names.
local function each_use(uses, fn)
  for file, names in pairs(uses) do
    for _, name in ipairs(names) do fn(file, name) end
  end
end

-- A circle among uses, as "a -> b -> a", or nil.
local function circle(uses)
  local state, trail = {}, {}
  local function visit(node)
    if state[node] == "done" then return nil end
    trail[#trail + 1] = node
    if state[node] then
      local first = 1
      while trail[first] ~= node do first = first + 1 end
      return table.concat(trail, " -> ", first)
    end
    state[node] = "open"
    for _, name in ipairs(uses[node] or {}) do
      local found = visit(name)
      if found then return found end
    end
    state[node] = "done"
    trail[#trail] = nil
  end
  local nodes = {}
  for node in pairs(uses) do nodes[#nodes + 1] = node end
  table.sort(nodes)
  for _, node in ipairs(nodes) do
    local found = visit(node)
    if found then return found end
  end
end

local function assert_none(violations)
  table.sort(violations)
  assert.are.equal("", table.concat(violations, "\n"))
end

describe("the includes", function()
  -- From the lowest. A file may include those of its own layer and of lower ones.
  local LAYERS = { "base", "vulkan", "similarity", "walks", "api" }
  local level = {}
  for k, name in ipairs(LAYERS) do level[name] = k end

  local function layer(path) return path:match("^src/(%l+)/") end

  local sources = files("src", "shaders", "include", "tests")
  local exists = {}
  for _, path in ipairs(sources) do exists[path] = true end

  -- The place of a quoted name, from the root; the source of a shader for its generated header.
  local function resolve(name, from)
    local beside = from:match("^(.*/)") .. name
    for _, path in ipairs({ beside, "src/" .. name, name, "include/" .. name, "tests/cpp/" .. name,
      (name:gsub("%.h$", ".comp")), (beside:gsub("%.h$", ".comp")) }) do
      if exists[path] then return path end
    end
    error(("%s includes %q, which is nowhere"):format(from, name))
  end

  local quoted, vulkan_headers, number_of_includes = {}, {}, 0
  for _, path in ipairs(sources) do
    if path:find("%.[ch]pp$") or path:find("%.[ch]$") or path:find("%.comp$") or path:find("%.glsl$") then
      quoted[path] = {}
      for mark, name in ("\n" .. contents(path)):gmatch('\n%s*#%s*include%s*(["<])([^">]*)[">]') do
        number_of_includes = number_of_includes + 1
        if mark == '"' then
          table.insert(quoted[path], resolve(name, path))
        elseif name:find("^vulkan/") or name:find("^vk_") then
          vulkan_headers[path] = true
        end
      end
    end
  end

  it("are found", function()
    assert.is_true(number_of_includes > 300)
    assert.is_true(#quoted["src/api/context.hpp"] > 3 and vulkan_headers["src/vulkan/device.hpp"])
    for path in pairs(quoted) do
      assert.is_truthy(not path:find("^src/") or level[layer(path)], path .. " is in no layer")
    end
  end)

  it("of src/ do not point upward", function()
    local violations = {}
    each_use(quoted, function(path, name)
      local upward = layer(path) and layer(name) and level[layer(name)] > level[layer(path)]
      local elsewhere = layer(path) and not layer(name) and not name:find("^shaders/") and not name:find("^include/")
      if upward or elsewhere then violations[#violations + 1] = path .. " -> " .. name end
    end)
    assert_none(violations)
  end)

  it("make no circle", function()
    -- (But for the two public headers: the one that was part of the other in release 0.1 still comes with it.)
    local inner = {}
    for path, names in pairs(quoted) do inner[path] = path:find("^include/") and {} or names end
    assert.is_nil(circle(inner))
  end)

  it("of shaders are of shaders; only interface.h, which C++ reads as well, knows the base", function()
    local violations = {}
    each_use(quoted, function(path, name)
      local known = name:find("^shaders/[^/]*$") or (path == "shaders/interface.h" and layer(name) == "base")
      if path:find("^shaders/") and not known then violations[#violations + 1] = path .. " -> " .. name end
    end)
    assert_none(violations)
  end)

  it("of a source and its header make no circle with those of another", function()
    local uses = {}
    each_use(quoted, function(path, name)
      local from, to = path:match("^src/(.*)%."), name:match("^src/(.*)%.")
      uses[from or path] = uses[from or path] or {}
      if from and to and from ~= to then table.insert(uses[from], to) end
    end)
    assert.is_nil(circle(uses))
  end)

  it("of Vulkan are src/'s alone, and the fault layer's, which is itself a layer of Vulkan", function()
    local violations = {}
    for path in pairs(vulkan_headers) do
      if not layer(path) and path ~= "tests/cpp/fault_layer.cpp" then violations[#violations + 1] = path end
    end
    assert_none(violations)
  end)

  it("of Vulkan are out of reach of the definition, the reference and the base", function()
    local reached, seen = {}, {}
    local function visit(path, trail)
      if seen[path] then return end
      seen[path] = true
      if vulkan_headers[path] or layer(path) == "vulkan" then reached[#reached + 1] = trail end
      for _, name in ipairs(quoted[path]) do visit(name, trail .. " -> " .. name) end
    end
    for path in pairs(quoted) do
      if path:find("^src/similarity/fixed_point%.") or path == "tests/cpp/reference.hpp" or layer(path) == "base" then
        visit(path, path)
      end
    end
    assert_none(reached)
  end)
end)

describe("the requires", function()
  -- From the lowest. The public module, vk_compute, is used by the cache, and uses what reads one: that these
  -- do not go round is for the test of circles.
  local LAYERS = { system = 1, ffi = 2, formats = 3, cache = 4, report = 4, public = 4, explore = 5, cli = 6 }

  local modules = {}
  for _, path in ipairs(files("lua")) do
    modules[path:match("^lua/(.*)%.lua$"):gsub("/", ".")] = contents(path)
  end

  local function layer(name) return name:match("^vk_compute%.(%l+)") or "public" end

  local uses, number_of_requires = {}, 0
  for name, text in pairs(modules) do
    uses[name] = {}
    for line in text:gmatch("[^\n]+") do
      -- (Comments require nothing. A name that is put together stands for all that begin so.)
      local code = line:gsub("%-%-.*$", "")
      for required, joined in code:gmatch('require%s*%(?%s*"(vk_compute[%w_.]*)"%s*(%.?%.?)') do
        number_of_requires = number_of_requires + 1
        if joined == ".." then
          for other in pairs(modules) do
            if other:sub(1, #required) == required then table.insert(uses[name], other) end
          end
        else
          table.insert(uses[name], required)
        end
      end
    end
  end

  it("are found, and are of modules that there are, in a layer", function()
    assert.is_true(number_of_requires > 100)
    each_use(uses, function(name, required)
      assert.is_truthy(modules[required], ("%s requires %s, which is nowhere"):format(name, required))
    end)
    for name in pairs(modules) do assert.is_truthy(LAYERS[layer(name)], name .. " is in no layer") end
  end)

  it("do not point upward", function()
    local violations = {}
    each_use(uses, function(name, required)
      if LAYERS[layer(required)] > LAYERS[layer(name)] then violations[#violations + 1] = name .. " -> " .. required end
    end)
    assert_none(violations)
  end)

  it("make no circle", function()
    assert.is_nil(circle(uses))
  end)
end)
