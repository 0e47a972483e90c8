local ffi = require("ffi")
local helper = require("helper")
local declarations = require("vk_compute.ffi.declarations")
local library = require("vk_compute.ffi.library")

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

-- Declarations without comments and spacing that means nothing.
local function normalised(text)
  return (text:gsub("/%*.-%*/", " "):gsub("%s+", " "):gsub("%s*(%p)%s*", "%1"):match("^%s*(.-)%s*$"))
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

-- What a C program prints whose main function has these lines.
local function output_of_c(lines)
  local folder = helper.temporary_folder()
  local file = assert(io.open(folder .. "/program.c", "w"))
  file:write("#include <stddef.h>\n#include <stdio.h>\n#include <vulkan_compute.h>\nint main(void) {\n",
    table.concat(lines, "\n"), "\n}\n")
  file:close()
  helper.execute("cc", "-std=c99", "-I", helper.ROOT .. "/include", folder .. "/program.c", "-o",
    folder .. "/program")
  local pipe = assert(io.popen(folder .. "/program"))
  local output = pipe:read("*a")
  pipe:close()
  helper.execute("rm", "-r", folder)
  return output
end

-- The header as a compiler sees it after its preprocessor.
local function header_declarations()
  local include = helper.ROOT .. "/include/"
  local text = read(include .. "vulkan_compute.h") .. read(include .. "vulkan_compute_validation.h")
  text = text:gsub("/%*.-%*/", " "):gsub("\\\n", " "):gsub('#ifdef __cplusplus\n.-#endif', ""):gsub("#[^\n]*", "")
  text = text:gsub("VKC_API", "")
  return text
end

describe("the declarations for LuaJIT agree with vulkan_compute.h:", function()
  local header = header_declarations()
  local cdef = read(helper.ROOT .. "/lua/vk_compute/ffi/declarations.lua"):match("DECLARATIONS = %[%[(.-)%]%]")

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

  it("word for word", function()
    assert.are.equal(normalised(header), normalised(cdef))
  end)

  -- What LuaJIT makes of its declarations is what a C compiler makes of the header.
  it("values and layouts", function()
    library.load()
    local lines, ours = {}, {}
    local function compare(expression, value)
      lines[#lines + 1] = ('  printf("%s = %%lld\\n", (long long)(%s));'):format(expression, expression)
      ours[#ours + 1] = ("%s = %d\n"):format(expression, value)
    end
    local counts = { enumerators = 0, fields = 0 }
    for enumerators, name in header:gmatch("typedef enum %w+ (%b{}) (%w+);") do
      compare(("sizeof(%s)"):format(name), ffi.sizeof(name))
      for enumerator in enumerators:gmatch("VKC_[%w_]+") do
        counts.enumerators = counts.enumerators + 1
        compare(enumerator, tonumber(ffi.new("int", ffi.C[enumerator])))
      end
    end
    for body, name in header:gmatch("typedef struct %w+ (%b{}) (%w+);") do
      compare(("sizeof(%s)"):format(name), ffi.sizeof(name))
      for field in body:gmatch("([%w_]+)[%[%]%d]*;") do
        counts.fields = counts.fields + 1
        compare(("offsetof(%s, %s)"):format(name, field), ffi.offsetof(name, field))
      end
    end
    assert.is_true(counts.enumerators >= 25 and counts.fields >= 20)
    assert.are.equal(table.concat(ours), output_of_c(lines))
  end)

  it("versions", function()
    local text = read(helper.ROOT .. "/include/vulkan_compute.h")
    assert.are.equal(text:match("VKC_VERSION_MAJOR (%d+)"), tostring(declarations.VERSION_MAJOR))
    assert.are.equal(text:match("VKC_VERSION_MINOR (%d+)"), tostring(declarations.VERSION_MINOR))
    assert.are.equal(tonumber(text:match("VKC_DEFINITION_VERSION (%d+)")),
      library.load().vkc_definition_version())
    local patch = text:match("VKC_VERSION_PATCH (%d+)")
    assert.are.equal(("%d.%d.%s"):format(declarations.VERSION_MAJOR, declarations.VERSION_MINOR, patch),
      ffi.string(library.load().vkc_version_string()))
  end)
end)
