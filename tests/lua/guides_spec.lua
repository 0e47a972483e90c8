-- The guides in docs do what they say: their commands and programs are run as they stand there.

local cjson = require("cjson")
local cache_helper = require("cache_helper")
local helper = require("helper")
local vk = require("vk_compute")

-- The blocks of a guide in a language.
local function blocks(guide, language)
  local list = {}
  for block in cache_helper.contents(helper.ROOT .. "/docs/" .. guide):gmatch("\n```" .. language .. "\n(.-\n)```") do
    list[#list + 1] = block
  end
  assert(list[1], guide .. " has nothing in " .. language)
  return list
end

-- What the pages of the Psalms link to: poems far from each, and ten like it that are no near-copies.
local function measure_pages(pages)
  local ids, texts, index_of = {}, {}, {}
  for line in io.lines(helper.ROOT .. "/data/psalms.jsonl") do
    local poem = cjson.decode(line)
    index_of["psa-" .. poem.id:match("^Psa (.*)$"):gsub(":", "-") .. ".html"] = #ids
    ids[#ids + 1], texts[#texts + 1] = poem.id, poem.text
  end
  local n = #ids
  assert.are.equal(n, #cache_helper.names(pages))

  local context = vk.new()
  context:upload_embeddings(vk.read_embeddings(cache_helper.PSALMS))
  local matrix = context:compute_similarity_matrix({ as = "view" })
  context:shutdown()
  local far, all = 0, 0
  for name, start in pairs(index_of) do
    local page = cache_helper.contents(pages .. "/" .. name)
    local title, text, far_list, like_list = page:match('^<!DOCTYPE html>\n<html lang="en">\n<head>\n'
      .. '<meta charset="utf%-8">\n<title>([^<]*)</title>\n</head>\n<body>\n<h1>[^<]*</h1>\n<p>(.-)</p>\n'
      .. '<h2>Far from here</h2>\n<ul>\n(.-)\n</ul>\n<h2>Like this</h2>\n<ul>\n(.-)\n</ul>\n</body>\n</html>\n$')
    assert.are.same({ ids[start + 1], texts[start + 1] }, { title, text })
    local links = {}
    for l, list in ipairs({ far_list, like_list }) do
      links[l] = {}
      for file, words in list:gmatch('<li><a href="([^"]*)">([^<]*)</a>') do
        local index = index_of[file]
        assert.are.equal(ids[index + 1], words)
        assert.is_true(index ~= start, "a poem leads to itself")
        table.insert(links[l], index)
      end
      assert.are.equal(10, #links[l])
    end
    local row = matrix[start]
    for _, index in ipairs(links[1]) do
      local nearer = 0
      for j = 0, n - 1 do
        if j ~= start and row.data[j] > row.data[index] then nearer = nearer + 1 end
      end
      all, far = all + 1, far + (nearer > (n - 1) / 2 and 1 or 0)
    end
    for a, one in ipairs(links[2]) do
      for b = a + 1, 10 do
        assert.is_true(matrix[one][links[2][b]] <= 0.9, name .. " links to near-copies")
      end
    end
  end
  assert.is_true(far / all >= 0.95, ("%.1f %% of the far picks are in the farthest half"):format(100 * far / all))
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
      cp "$ROOT/data/psalms.jsonl" poems.jsonl
      node "$ROOT/tests/clients/ollama.js" poems.jsonl "$ROOT/data/psalms.npy" >address &
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
      "embeddings.json: JSON, 2,461 embeddings of 512 numbers, of objects with id",
      "far.npy: 2461 of 2461 rows, 16 of them computed again and compared; verified",
      "like.npy: 2461 of 2461 rows, 16 of them computed again and compared; verified",
      "advice: The picks are far from their start, and no near-copies of one another",
    }) do
      assert.is_truthy(text:find(words, 1, true), text)
    end
    assert.is_truthy(cache_helper.contents(folder .. "/one.json"):find('"embeddings":[[', 1, true))
    assert.is_truthy(cache_helper.contents(folder .. "/far.json"):find('"Psa 23:1": ["Psa 23:1"', 1, true))
    measure_pages(folder .. "/pages")
  end)

  it("for C++ has an example that compiles without warnings and runs", function()
    cache_helper.write(folder .. "/example.cpp", blocks("cpp.md", "cpp")[1])
    local text, code = shell([[
      libraries=$(dirname "$VKC_LIBRARY")
      c++ -std=c++20 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I"$ROOT/include" example.cpp \
        -o example -L"$libraries" -lvulkan_compute -Wl,-rpath,"$libraries" && ./example 2>progress &&
        tail -n 2 progress]])
    assert.are.same({ "0 2 3 1 \nnearest to 0: 1\nmatrix: 100 %\n4 of 4\n", 0 }, { text, code })
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
    assert.are.equal(1, select(2, text:gsub("| 30 rows | no |", "")))
    for _, walks in ipairs({ "not centred", "centred", "away 0.5, centred", "random picks" }) do
      assert.are.equal(1, select(2, text:gsub("| 30 rows | " .. walks .. " |", "")))
    end
    local picture = cache_helper.contents(folder .. "/small.svg")
    assert.are.equal(8, select(2, picture:gsub("<polyline", "")))
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
