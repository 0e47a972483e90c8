-- vulkan-compute report: each figure, as printed, equals a slow computation from the reference's similarity matrix.

local cjson = require("cjson")
local ffi = require("ffi")
local cache_helper = require("cache_helper")
local helper = require("helper")
local new_random_picks = require("vk_compute.report.random_picks")
local reference = require("reference")

local NAMES = { "walks.npy", "neighbors.npy" }

local run, succeed = cache_helper.run_program, cache_helper.must_run_program

local function document(...) return cjson.decode(succeed(...)) end

-- ---- The slow computation ----------------------------------------------------------------------

-- The rank of item p among all items but s, by their similarity to s, ties sharing the mean of theirs.
local function rank(matrix, s, p)
  local others = {}
  for j = 1, #matrix do
    if j ~= s then others[#others + 1] = matrix[s][j] end
  end
  table.sort(others)
  local first, last
  for place, similarity in ipairs(others) do
    if similarity == matrix[s][p] then first, last = first or place, place end
  end
  if #others == 1 then return 50 end
  return ((first - 1) + (last - 1)) / 2 / (#others - 1) * 100
end

local function sum_of(list)
  local sum = 0
  for _, value in ipairs(list) do sum = sum + value end
  return sum
end

local function mean(list) return sum_of(list) / #list end

local function share(list, is_counted)
  local count = 0
  for _, value in ipairs(list) do
    if is_counted(value) then count = count + 1 end
  end
  return count / #list
end

local function is_far(value) return value < 10 end
local function is_near(value) return value > 90 end

-- The figures of rows of picks (ids from 0), of which those in `judged` (rows from 1) are ranked and compared.
local function slow_figures(matrix, rows, judged)
  local figures, all = { by_pick = {} }, {}
  for k = 1, #rows[1] do
    local ranks = {}
    for _, s in ipairs(judged) do
      ranks[#ranks + 1] = rank(matrix, s, rows[s][k] + 1)
      all[#all + 1] = ranks[#ranks]
    end
    figures.by_pick[k] = {
      mean_rank = mean(ranks), farthest_tenth = share(ranks, is_far), nearest_tenth = share(ranks, is_near),
    }
  end
  figures.mean_rank, figures.farthest_tenth, figures.nearest_tenth = mean(all), share(all, is_far), share(all, is_near)

  local cosines, greatest = {}, {}
  for _, s in ipairs(judged) do
    local of_row = -1
    for a = 1, #rows[s] do
      for b = a + 1, #rows[s] do
        cosines[#cosines + 1] = matrix[rows[s][a] + 1][rows[s][b] + 1]
        of_row = math.max(of_row, cosines[#cosines])
      end
    end
    greatest[#greatest + 1] = of_row
  end
  if #rows[1] > 1 then
    figures.pairs, figures.mean_cosine, figures.greatest_cosine = #cosines, mean(cosines), math.max(unpack(greatest))
    figures.pairs_above_0_8 = #cosines * share(cosines, function(c) return c > 0.8 end)
    figures.pairs_above_0_9 = #cosines * share(cosines, function(c) return c > 0.9 end)
    figures.rows_with_pair_above_0_9 = share(greatest, function(c) return c > 0.9 end)
  end

  local times = {}
  for _, row in ipairs(rows) do
    for _, id in ipairs(row) do times[id] = (times[id] or 0) + 1 end
  end
  figures.distinct_items, figures.most_frequent_rows = 0, 0
  for id = 0, #matrix - 1 do
    if times[id] then figures.distinct_items = figures.distinct_items + 1 end
    if (times[id] or 0) > figures.most_frequent_rows then
      figures.most_frequent_item, figures.most_frequent_rows = id, times[id]
    end
  end
  figures.unpicked_items = #matrix - figures.distinct_items
  figures.most_frequent_share = figures.most_frequent_rows / #rows
  return figures
end

local function random_rows(n, count)
  local draw, rows = new_random_picks(n), {}
  for start = 0, n - 1 do
    local picks = ffi.new("uint32_t[?]", count)
    draw(start, picks, count)
    rows[start + 1] = {}
    for k = 1, count do rows[start + 1][k] = picks[k - 1] end
  end
  return rows
end

-- ---- As printed --------------------------------------------------------------------------------

local function percent(value) return ("%.1f %%"):format(100 * value) end

-- The lines of figures, with one space where there may be more.
local function expected_lines(own, random, n)
  local lines = {}
  local function add(format, ...) lines[#lines + 1] = " " .. format:format(...) end
  local function ranks(name, a, b)
    add("%s %.1f %.1f %s %s %s %s", name, a.mean_rank, b.mean_rank, percent(a.farthest_tenth),
      percent(b.farthest_tenth), percent(a.nearest_tenth), percent(b.nearest_tenth))
  end
  for k, of_pick in ipairs(own.by_pick) do ranks(k, of_pick, random.by_pick[k]) end
  ranks("all", own, random)
  if own.pairs then
    add("mean cosine %.3f %.3f", own.mean_cosine, random.mean_cosine)
    add("greatest cosine %.3f %.3f", own.greatest_cosine, random.greatest_cosine)
    add("pairs above 0.8 %.0f %.0f", own.pairs_above_0_8, random.pairs_above_0_8)
    add("pairs above 0.9 %.0f %.0f", own.pairs_above_0_9, random.pairs_above_0_9)
    add("rows with a pair above 0.9 %s %s", percent(own.rows_with_pair_above_0_9),
      percent(random.rows_with_pair_above_0_9))
  end
  add("distinct items %d %d", own.distinct_items, random.distinct_items)
  add("items never picked %d %d", n - own.distinct_items, n - random.distinct_items)
  add("rows with the most frequent %s %s", percent(own.most_frequent_share), percent(random.most_frequent_share))
  add("the most frequent is item %d, in %d rows", own.most_frequent_item, own.most_frequent_rows)
  return lines
end

local function figure_lines(text)
  local lines = {}
  for line in text:gmatch("[^\n]+") do
    line = line:gsub(" +", " ")
    if line:find("^ %d+ %-?%d") or line:find("^ all ") or line:find("^ [%a][%a ]+ %-?[%d.,]") then
      lines[#lines + 1] = line
    end
  end
  return lines
end

describe("vulkan-compute report", function()
  local folder, input, path
  setup(function() folder = helper.temporary_folder() end)
  teardown(function() helper.execute("rm", "-r", folder) end)
  before_each(function()
    input, path = folder .. "/e.npy", folder .. "/" .. NAMES[1]
    for _, name in ipairs(NAMES) do cache_helper.remove(folder .. "/" .. name) end
  end)

  -- Makes a cache and gives its rows of picks.
  local function make_cache(command, n, ...)
    local name = folder .. "/" .. NAMES[command == "cache" and 1 or 2]
    cache_helper.remove(name)
    succeed(command, input, name, "--quiet", ...)
    local cache = require("vk_compute.cache").load(name)
    local rows = {}
    for s = 0, n - 1 do
      rows[s + 1] = cache:row(s)
      if command == "cache" then table.remove(rows[s + 1], 1) end
    end
    cache:close()
    return rows
  end

  local function first_of(rows, count)
    local shorter = {}
    for s, row in ipairs(rows) do shorter[s] = { unpack(row, 1, count) } end
    return shorter
  end

  for kind, make in pairs(helper.kinds) do
    it("prints the figures of " .. kind, function()
      local n, d = 67, 5
      local data = make(n, d)
      cache_helper.write_embeddings(input, data, n, d)
      local judged = {}
      for s = 1, n do judged[s] = s end
      local random = random_rows(n, 10)
      local caches = {
        first_of(make_cache("cache", n, "--center"), 10),
        first_of(make_cache("neighbors", n, "--k", "12"), 10),
      }
      for _, centered in ipairs({ false, true }) do
        local matrix = reference(data, n, d, centered):matrix()
        local expected_random = slow_figures(matrix, random, judged)
        for i, rows in ipairs(caches) do
          local text = succeed("report", input, folder .. "/" .. NAMES[i], unpack(centered and { "--center" } or {}))
          assert.are.same(expected_lines(slow_figures(matrix, rows, judged), expected_random, n), figure_lines(text))
          assert.is_truthy(text:find("picks 1 to 10 of all 67 rows", 1, true), text)
        end
      end
    end)
  end

  it("judges a sample, fewer picks, and rows of one pick", function()
    local n, d = 131, 7
    local data = helper.kinds["duplicates"](n, d)
    cache_helper.write_embeddings(input, data, n, d)
    local matrix = reference(data, n, d, false):matrix()
    local rows = make_cache("cache", n)
    local judged = {}
    for i = 0, 16 do judged[#judged + 1] = math.floor(i * n / 17) + 1 end
    local text = succeed("report", input, path, "--sample", "17", "--picks", "3")
    assert.are.same(expected_lines(slow_figures(matrix, first_of(rows, 3), judged),
      slow_figures(matrix, random_rows(n, 3), judged), n), figure_lines(text))
    assert.is_truthy(text:find("picks 1 to 3 of 17 of 131 rows, evenly spread", 1, true), text)

    rows = make_cache("cache", n, "--length", "2")
    judged = {}
    for s = 1, n do judged[s] = s end
    assert.are.same(expected_lines(slow_figures(matrix, rows, judged),
      slow_figures(matrix, random_rows(n, 1), judged), n), figure_lines(succeed("report", input, path)))
  end)

  it("gives the same as a document", function()
    local n, d = 60, 6
    local data = helper.kinds["a large common direction"](n, d)
    cache_helper.write_embeddings(input, data, n, d)
    path = folder .. "/" .. NAMES[2]
    local rows = first_of(make_cache("neighbors", n, "--k", "4"), 4)
    local judged = {}
    for s = 1, n do judged[s] = s end
    local expected = slow_figures(reference(data, n, d, false):matrix(), rows, judged)
    local got = document("report", input, path, "--json")
    local function near(wanted, value, name)
      if type(wanted) == "table" then
        for key, part in pairs(wanted) do near(part, value[key], name .. "." .. key) end
      else
        assert.is_true(math.abs(wanted - value) <= 1e-12 * math.max(1, math.abs(wanted)), name)
      end
    end
    near(expected, got.picks, "picks")
    assert.are.same({ 4, n, n, "neighbors", false, false }, { got.picks_per_row, got.rows, got.judged_rows, got.kind,
      got.centered, got.judged_by_centered_cosines })
  end)

  it("judges two items, of which each is the other's only pick", function()
    cache_helper.write_embeddings(input, helper.kinds["unit norms"](2, 3), 2, 3)
    make_cache("cache", 2)
    local own = document("report", input, path, "--json").picks
    assert.are.same({ 50, 0, 0, 2, nil }, { own.mean_rank, own.farthest_tenth, own.nearest_tenth, own.distinct_items,
      own.pairs })
  end)

  it("tells a cache of random rows from walks and from neighbours", function()
    local n = 2461
    input = cache_helper.PSALMS
    -- Rows of random ids in the place of walks, with checksums that fit.
    succeed("cache", input, path, "--length", "11", "--center", "--quiet")
    local walks = succeed("report", input, path)
    assert.is_truthy(walks:find("advice: Most of these picks are little better than random ones", 1, true), walks)

    local xxhash = require("vk_compute.system.xxhash")
    local row, rows, checksums = ffi.new("uint32_t[11]"), {}, {}
    local state = 7
    for s = 0, n - 1 do
      row[0] = s
      local seen, k = { [s] = true }, 1
      while k < 11 do
        state = state * 16807 % 2147483647
        local id = state % n
        if not seen[id] then
          seen[id], row[k], k = true, id, k + 1
        end
      end
      rows[s + 1], checksums[s + 1] = ffi.string(row, 44), xxhash.hex64(row, 44)
    end
    local body = table.concat(rows)
    local contents = cache_helper.contents(path)
    cache_helper.write(path, contents:sub(1, #contents - #body) .. body)
    local metadata = cache_helper.contents(path .. ".json"):gsub('"row_checksums": "%x+"', '"row_checksums": "'
      .. table.concat(checksums) .. '"'):gsub('"rows_checksum": "%x+"', '"rows_checksum": "'
      .. xxhash.hex128(body, #body) .. '"'):match('^(.*),\n  "checksum"')
    cache_helper.write(path .. ".json", ('%s,\n  "checksum": "%s"\n}\n'):format(metadata,
      xxhash.hex128(metadata, #metadata)))
    local chance = succeed("report", input, path)
    assert.is_truthy(chance:find("advice: These picks are no better than random ones", 1, true), chance)

    cache_helper.remove(path)
    succeed("cache", input, path, "--length", "11", "--quiet")
    local hubs = succeed("report", input, path)
    assert.is_truthy(hubs:find("item 985 is picked in 91.8 % of all rows. Compute them with --center", 1, true), hubs)

    cache_helper.remove(path)
    succeed("neighbors", input, path, "--k", "10", "--quiet")
    local neighbors = succeed("report", input, path)
    assert.is_truthy(neighbors:find("advice: In 17.1 % of the rows two picks are near-copies, more than 0.9 alike:"
      .. " --order toward --lambda 0.7 keeps them apart", 1, true), neighbors)

    -- What a cache was made with already is no advice.
    cache_helper.remove(path)
    succeed("cache", input, path, "--length", "11", "--order", "toward", "--lambda", "0.7", "--quiet")
    local toward = document("report", input, path, "--json")
    assert.are.same({ "toward", 0.7 }, { toward.order, toward.lambda })
    assert.is_truthy(toward.advice:find("near-copies, more than 0.9 alike: a smaller --lambda than 0.7 keeps", 1, true),
      toward.advice)
    cache_helper.remove(path)
    succeed("cache", input, path, "--length", "11", "--order", "away", "--lambda", "0", "--center", "--quiet")
    local away = succeed("report", input, path)
    assert.is_truthy(away:find("compute them with a greater --lambda than 0\n", 1, true), away)
    assert.is_truthy(away:find("11 ids a row, centred, order away, lambda 0\n", 1, true), away)
  end)

  it("says where there is no choice to judge", function()
    cache_helper.write_embeddings(input, helper.kinds["unit norms"](9, 3), 9, 3)
    make_cache("cache", 9)
    assert.is_truthy(succeed("report", input, path):find("advice: Each row picks all other items", 1, true))
    assert.is_nil(succeed("report", input, path, "--picks", "3"):find("picks all other items", 1, true))
  end)

  it("refuses what it cannot judge, and options that go with something else", function()
    cache_helper.write_embeddings(input, helper.kinds["unit norms"](9, 3), 9, 3)
    make_cache("cache", 9, "--length", "3")
    local function refused(words, ...)
      local output, got = run(...)
      assert.are.same({ true, 2 }, { output:find(words, 1, true) ~= nil, got }, output)
    end
    refused("--picks 3 is more than the 2 picks", "report", input, path, "--picks", "3")
    refused("the order is EMBEDDINGS CACHE", "report", path, input)
    refused("--sample goes with CACHE", "report", input, "--sample", "3")
    refused("--near goes without CACHE", "report", input, path, "--near", "0.5")
    refused("'1' is not a number from 0 to below 1", "report", input, "--near", "1")
    cache_helper.write_embeddings(input, helper.kinds["duplicates"](9, 3), 9, 3)
    refused("was made from other embeddings", "report", input, path)
    make_cache("cache", 9, "--length", "1")
    refused("there are no picks to judge", "report", input, path)
  end)

  it("can be stopped", function()
    local output = folder .. "/output"
    succeed("cache", cache_helper.PSALMS, path, "--length", "2", "--quiet")
    local command = helper.quoted(cache_helper.PROGRAM, "report", cache_helper.PSALMS, path)
    local code = os.execute(("%s > %s 2>&1 & pid=$!; for i in $(seq 300); do grep -q rows %s && break; sleep 0.05;"
      .. " done; kill -INT $pid; wait $pid"):format(command, output, output))
    assert.are.equal(130, code / 256)
    assert.is_truthy(cache_helper.contents(output):find("error: stopped", 1, true))
  end)
end)

describe("random picks", function()
  it("are different items other than the start, each as often as any, and the same in every run", function()
    local n, count = 11, 10
    local draw, again = new_random_picks(n), new_random_picks(n)
    local first, second = ffi.new("uint32_t[?]", count), ffi.new("uint32_t[?]", count)
    draw(3, first, count)
    again(3, second, count)
    local seen = {}
    for k = 0, count - 1 do
      assert.are.equal(first[k], second[k])
      assert.is_true(first[k] ~= 3 and first[k] < n and not seen[first[k]])
      seen[first[k]] = true
    end
    local times = {}
    for _ = 1, 10000 do
      draw(0, first, 1)
      times[first[0]] = (times[first[0]] or 0) + 1
    end
    -- 1,000 each are to be expected, with a deviation of 30.
    for id = 1, n - 1 do assert.is_true(math.abs(times[id] - 1000) < 150, id .. ": " .. times[id]) end
  end)
end)

describe("vulkan-compute report of embeddings", function()
  local folder, input
  setup(function()
    folder = helper.temporary_folder()
    input = folder .. "/e.npy"
  end)
  teardown(function() helper.execute("rm", "-r", folder) end)

  -- Groups of connected items, by looking at all pairs again and again.
  local function slow_groups(n, is_joined)
    local group = {}
    for i = 1, n do group[i] = i end
    local changed = true
    while changed do
      changed = false
      for i = 1, n do
        for j = 1, n do
          if group[i] < group[j] and is_joined(i, j) then group[j], changed = group[i], true end
        end
      end
    end
    local members, result = {}, { groups = 0, items = 0, largest_group = 0 }
    for i = 1, n do
      members[group[i]] = members[group[i]] or {}
      table.insert(members[group[i]], i - 1)
    end
    for i = 1, n do
      if members[i] and #members[i] > 1 then
        result.groups, result.items = result.groups + 1, result.items + #members[i]
        result.largest_group = math.max(result.largest_group, #members[i])
        if result.groups == 1 then result.first_group = { items = #members[i], ids = { unpack(members[i], 1, 10) } } end
      end
    end
    return result
  end

  local function as_slow(groups)
    return { groups = groups.groups, items = groups.items, largest_group = groups.largest_group,
      first_group = groups.first_groups[1] }
  end

  for kind, make in pairs(helper.kinds) do
    it("describes " .. kind, function()
      local n, d = 90, 4
      local data = make(n, d)
      cache_helper.write_embeddings(input, data, n, d)
      local matrix = reference(data, n, d, false):matrix()
      local zero, norms, sum = {}, {}, 0
      for i = 1, n do
        local square = 0
        for k = 0, d - 1 do square = square + data[(i - 1) * d + k] ^ 2 end
        if square == 0 then zero[#zero + 1] = i - 1 else norms[#norms + 1] = math.sqrt(square) end
        for j = 1, n do sum = sum + matrix[i][j] end
      end
      table.sort(norms)
      local squares = {}
      for i, norm in ipairs(norms) do squares[i] = (norm - mean(norms)) ^ 2 end

      local got = document("report", input, "--near", "0.9", "--json")
      local text = succeed("report", input, "--near", "0.9")
      assert.are.same({ n, d }, { got.n, got.d })
      assert.are.same(zero, got.zero_rows)
      assert.is_truthy(text:find(("norms                  %.6g to %.6g, mean %.6g, standard deviation %.3g\n"):format(
        norms[1], norms[#norms], mean(norms), math.sqrt(mean(squares))), 1, true), text)
      -- The length's square is the mean of all cosines.
      assert.is_truthy(text:find(("length %.3f "):format(math.sqrt(sum) / n), 1, true), text)
      local function is_zero(i) return matrix[i][i] == 0 end
      local between = 0
      for i = 1, n do between = between + sum_of(matrix[i]) - matrix[i][i] end
      between = between / (n * (n - 1))
      assert.are.equal(between > 0.1, got.centering_advised)
      local words = ("two items are %.3f alike on average"):format(between):gsub("%-(0%.000)", "%1")
      assert.is_truthy(text:find(words, 1, true), text)
      assert.are.same(slow_groups(n, function(i, j)
        return not is_zero(i) and ffi.string(data + (i - 1) * d, 4 * d) == ffi.string(data + (j - 1) * d, 4 * d)
      end), as_slow(got.duplicates))
      assert.are.same(slow_groups(n, function(i, j) return matrix[i][j] > 0.9 end), as_slow(got.near_duplicates))
    end)
  end

  it("describes one item, and items that are all zero", function()
    cache_helper.write_embeddings(input, helper.kinds["unit norms"](1, 3), 1, 3)
    local got = document("report", input, "--json")
    assert.are.same({ 1, {}, 0, 0 }, { got.n, got.zero_rows, got.duplicates.groups, got.near_duplicates.groups })
    assert.are.same({ false, true }, { got.centering_advised, got.advice:find("one embedding", 1, true) ~= nil })
    cache_helper.write_embeddings(input, ffi.new("float[12]"), 4, 3)
    got = document("report", input, "--json")
    assert.are.same({ { 0, 1, 2, 3 }, nil, 0, 0 }, { got.zero_rows, got.norms, got.duplicates.groups,
      got.near_duplicates.groups })
    assert.is_truthy(succeed("report", input):find("zero rows              4: 0, 1, 2, 3\n", 1, true))
  end)

  it("advises centring for the Psalms", function()
    local text = succeed("report", cache_helper.PSALMS)
    assert.is_truthy(text:find("Centring is advised for walks (--center): two items are 0.446 alike", 1, true), text)
    assert.is_truthy(text:find("exact duplicates       16 items in 7 groups, the largest of 4", 1, true), text)
  end)
end)
