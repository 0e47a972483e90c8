local ffi = require("ffi")
local helper = require("helper")
local library = require("vk_compute.library")

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

-- Declarations as one line each, without comments, preprocessor and spacing that means nothing.
local function normalised(text)
  return (text:gsub("/%*.-%*/", " "):gsub("//[^\n]*", " "):gsub("%s+", " "):gsub("%s*([%p])%s*", "%1"))
end

-- Each "result name(parameters);" by name.
local function functions_of(text)
  local functions = {}
  for declaration in text:gmatch("[%w_%s%*]+vkc_[%w_]+%b();") do
    local name = declaration:match("(vkc_[%w_]+)%(")
    functions[name] = normalised(declaration)
  end
  return functions
end

-- The header as a compiler sees it after its preprocessor.
local function header_declarations()
  local text = read(helper.ROOT .. "/include/vulkan_compute.h"):gsub("/%*.-%*/", " ")
  text = text:gsub('#ifdef __cplusplus\n.-#endif', ""):gsub("#[^\n]*", ""):gsub("VKC_API", "")
  return text
end

describe("the declarations for LuaJIT agree with vulkan_compute.h:", function()
  local header = header_declarations()
  local cdef = read(helper.ROOT .. "/lua/vk_compute/library.lua"):match("DECLARATIONS = %[%[(.-)%]%]")

  it("functions", function()
    local functions = functions_of(header)
    local count = 0
    for name in pairs(functions) do
      count = count + 1
      assert.is_true(pcall(function() return library.load()[name] end), name .. " is not in the library")
    end
    assert.is_true(count >= 20)
    assert.are.same(functions, functions_of(cdef))
  end)

  it("enumerations", function()
    library.load()
    local count = 0
    for enumerators in header:gmatch("typedef enum %w+ (%b{})") do
      for name, value in enumerators:gmatch("(VKC_[%w_]+) = (-?%d+)") do
        count = count + 1
        assert.are.equal(tonumber(value), tonumber(ffi.new("int", ffi.C[name])), name)
      end
    end
    assert.is_true(count >= 25)
    assert.are.equal(count, select(2, cdef:gsub("VKC_[%w_]+ = ", "")))
  end)

  it("structures", function()
    local count = 0
    for name, body in header:gmatch("typedef struct (Vkc%w+) (%b{})") do
      count = count + 1
      local theirs = ffi.typeof("struct " .. body)
      assert.are.equal(ffi.sizeof(theirs), ffi.sizeof(name), name)
      for field in body:gmatch("([%w_]+)[%[%]%d]*;") do
        local place = name .. "." .. field
        assert.are.equal(ffi.offsetof(theirs, field), ffi.offsetof(name, field), place)
        local their_value, our_value = ffi.new(theirs)[field], ffi.new(name)[field]
        assert.are.equal(type(their_value), type(our_value), place)
        if type(our_value) == "cdata" then
          assert.are.equal(tostring(ffi.typeof(their_value)), tostring(ffi.typeof(our_value)), place)
        end
      end
    end
    assert.is_true(count >= 4)
    assert.are.equal(count, select(2, cdef:gsub("typedef struct Vkc%w+ {", "")))
  end)

  it("versions", function()
    local text = read(helper.ROOT .. "/include/vulkan_compute.h")
    assert.are.equal(text:match("VKC_VERSION_MAJOR (%d+)"), tostring(library.VERSION_MAJOR))
    assert.are.equal(text:match("VKC_VERSION_MINOR (%d+)"), tostring(library.VERSION_MINOR))
    assert.are.equal(tonumber(text:match("VKC_DEFINITION_VERSION (%d+)")),
      library.load().vkc_definition_version())
    local patch = text:match("VKC_VERSION_PATCH (%d+)")
    assert.are.equal(("%d.%d.%s"):format(library.VERSION_MAJOR, library.VERSION_MINOR, patch),
      ffi.string(library.load().vkc_version_string()))
  end)
end)
