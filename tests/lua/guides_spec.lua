-- The guides in docs do what they say: their commands and programs are run as they stand there.

local cache_helper = require("cache_helper")
local helper = require("helper")

-- The blocks of a guide in a language.
local function blocks(guide, language)
  local list = {}
  for block in cache_helper.contents(helper.ROOT .. "/docs/" .. guide):gmatch("\n```" .. language .. "\n(.-\n)```") do
    list[#list + 1] = block
  end
  assert(list[1], guide .. " has nothing in " .. language)
  return list
end

describe("the guide", function()
  local folder

  before_each(function() folder = helper.temporary_folder() end)
  after_each(function() helper.execute("rm", "-r", folder) end)

  local function shell(text, ...)
    return cache_helper.shell(("cd '%s' && export ROOT='%s' VKC_LIBRARY='%s'\n%s"):format(folder, helper.ROOT,
      helper.LIBRARY, text:format(...)))
  end

  it("for site authors leads from Ollama to pages", function()
    for _, language in ipairs({ "js", "lua" }) do
      for _, block in ipairs(blocks("site-author.md", language)) do
        cache_helper.write(folder .. "/" .. block:match("^%S+ (%S+):"), block)
      end
    end
    local text, code = shell([[
      head -n 60 "$ROOT/data/psalms.jsonl" >poems.jsonl
      node "$ROOT/tests/clients/ollama.js" "$ROOT/data/psalms.jsonl" "$ROOT/data/psalms.npy" >address &
      server=$!
      until [ -s address ] || ! kill -0 $server; do sleep 0.05; done
      export OLLAMA=$(cat address) PATH="$ROOT/bin:$PATH" LUA_PATH="$ROOT/lua/?.lua;;"
      ( set -e
        %s )
      code=$?
      kill $server
      ( exit $code )]], table.concat(blocks("site-author.md", "sh")):gsub("%%", "%%%%"))
    assert.are.equal(0, code, text)

    for _, words in ipairs({
      "embeddings.json: JSON, 60 embeddings of 512 numbers, of objects with id",
      "diversity.npy: 60 of 60 rows, 16 of them computed again and compared; verified",
      "neighbors.npy: 60 of 60 rows, 16 of them computed again and compared; verified",
    }) do
      assert.is_truthy(text:find(words, 1, true), text)
    end
    local page = cache_helper.contents(folder .. "/pages/59.html")
    assert.is_truthy(page:find('^<h1>Psa [%d:]+</h1>\n<h2>Far from here</h2>\n<ul>\n<li><a href="%d+%.html">Psa '))
    assert.are.equal(20, select(2, page:gsub("<li>", "")))
    assert.is_falsy(page:find('href="59.html"', 1, true), "a poem leads to itself")
    assert.is_truthy(cache_helper.contents(folder .. "/one.json"):find('"embeddings":[[', 1, true))
  end)

  it("for C++ has an example that compiles without warnings and runs", function()
    cache_helper.write(folder .. "/example.cpp", blocks("cpp.md", "cpp")[1])
    local text, code = shell([[
      libraries=$(dirname "$VKC_LIBRARY")
      c++ -std=c++20 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I"$ROOT/include" example.cpp \
        -o example -L"$libraries" -lvulkan_compute -Wl,-rpath,"$libraries" && ./example 2>progress &&
        tail -n 1 progress]])
    assert.are.same({ "0 2 3 1 \nnearest to 0: 1\n4 of 4\n", 0 }, { text, code })
  end)

  it("to centring has a table and a picture that its program makes", function()
    local embeddings = helper.kinds["a large common direction"](30, 8)
    cache_helper.write_embeddings(folder .. "/small.npy", embeddings, 30, 8)
    local text, code = shell('luajit "$ROOT/docs/centring.lua" small.svg "30 rows=small.npy"')
    assert.are.equal(0, code, text)
    local guide = cache_helper.contents(helper.ROOT .. "/docs/centring.md")
    local headings = { text:match("^(|[^\n]+)\n.-\n\n(|[^\n]+)\n") }
    assert.are.equal(2, #headings, text)
    for _, heading in ipairs(headings) do assert.is_truthy(guide:find(heading, 1, true), heading) end
    assert.are.equal(2, select(2, text:gsub("| 30 rows | no |", "")))
    local picture = cache_helper.contents(folder .. "/small.svg")
    assert.are.equal(2, select(2, picture:gsub("<polyline", "")))
  end)
end)

describe("a newcomer", function()
  it("comes from a JSON file of Ollama's to verified caches", function()
    local text, code = cache_helper.shell(("VKC_LIBRARY='%s' PATH='%s/bin:'$PATH '%s/tests/tools/newcomer.sh'"):format(
      helper.LIBRARY, helper.ROOT, helper.ROOT))
    assert.are.equal(0, code, text)
    assert.is_truthy(text:find("100 walks and lists of neighbours are as they should be", 1, true), text)
  end)
end)
