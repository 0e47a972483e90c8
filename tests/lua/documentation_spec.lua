-- The reference is made without warnings, and what would leave a hole in it is one.

local cache_helper = require("cache_helper")
local helper = require("helper")

describe("scripts/build-docs.sh", function()
  local folder

  before_each(function()
    folder = helper.temporary_folder()
    for _, part in ipairs({ "docs", "include", "lua", "scripts" }) do
      helper.execute("cp", "-r", helper.ROOT .. "/" .. part, folder)
    end
  end)

  after_each(function() helper.execute("rm", "-r", folder) end)

  local function build()
    return cache_helper.shell(("cd '%s' && scripts/build-docs.sh 2>&1"):format(folder))
  end

  local function edit(path, pattern, replacement)
    path = folder .. "/" .. path
    local text, count = cache_helper.contents(path):gsub(pattern, replacement)
    assert.are.equal(1, count)
    cache_helper.write(path, text)
  end

  it("makes the reference of the C API and of the Lua API", function()
    local text, code = build()
    assert.are.same({ "build/docs/c/vulkan__compute_8h.html\nbuild/docs/lua/index.html\n", 0 }, { text, code })
    local c = cache_helper.contents(folder .. "/build/docs/c/vulkan__compute_8h.html")
    assert.is_truthy(c:find("ids and similarities are count x k", 1, true))
    local lua = cache_helper.contents(folder .. "/build/docs/lua/modules/vk_compute.html")
    assert.is_truthy(lua:find("<code>on_batch</code>", 1, true), "Markdown is not read as such")
  end)

  it("refuses a function of C without a comment", function()
    edit("include/vulkan_compute.h", "\n#ifdef __cplusplus\n}", "\nVKC_API void vkc_bare(void);\n%0")
    local text, code = build()
    assert.are_not.equal(0, code)
    assert.is_truthy(text:find("vkc_bare", 1, true), text)
  end)

  it("refuses a parameter of Lua that is not described", function()
    edit("lua/vk_compute.lua", "\n%-%- @tparam number start id of the first\n", "\n")
    local text, code = build()
    assert.are_not.equal(0, code)
    assert.is_truthy(text:find("compute_diversity_sequence: param and formal argument name mismatch", 1, true),
      text)
  end)
end)
