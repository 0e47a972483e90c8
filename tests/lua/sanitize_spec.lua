-- tests/tools/sanitize.sh takes too long for every run of the tests. That it knows each of them can be seen at once.

local cache_helper = require("cache_helper")
local helper = require("helper")

describe("sanitize.sh", function()
  it("runs every C++ test, or says why not", function()
    local script = cache_helper.contents(helper.ROOT .. "/tests/tools/sanitize.sh")
    local count = 0
    for _, file in ipairs(cache_helper.names(helper.ROOT .. "/tests/cpp")) do
      local name = file:match("^(.*_test)%.cpp$")
      if name then
        count = count + 1
        local is_run = script:find("\n *cpp_test " .. name .. "[ \n]")
        assert.is_truthy(is_run or script:find("\n *left_out " .. name .. ' "'), name .. " is not in sanitize.sh")
      end
    end
    assert.is_true(count > 20)
  end)
end)
