#!/usr/bin/env luajit
-- Measures what centring and the order do to the first picks of all walks, and what centring does to nearest
-- neighbours, beside random picks: prints the tables of docs/centring.md and writes its picture.
--
-- usage: centring.lua PICTURE.svg "NAME=EMBEDDINGS"...

local root = arg[0]:match("^(.*)/") or "."
package.path = root .. "/../lua/?.lua;" .. package.path

local ffi = require("ffi")
local new_random_picks = require("vk_compute.report.random_picks")
local picks_report = require("vk_compute.report.picks")
local vk = require("vk_compute")

-- Those after the start: it is another item in every walk, centred or not.
local PICKS = 10
local NEIGHBORS = 10
-- Of larger sets whole walks take minutes on a CPU.
local MOST_FOR_WHOLE_WALKS = 4000

local WALKS = {
  { name = "not centred", center = false },
  { name = "centred", center = true },
  { name = "away 0.5, centred", center = true, order = "away", lambda = 0.5 },
  { name = "random picks", is_random = true },
}

-- ---- Measuring ---------------------------------------------------------------------------------

-- How many distinct items the first 1, 2, .. PICKS picks are, over all walks; and in how many walks the
-- item is that is in most.
local function measure_picks(walks)
  local distinct, walks_with, count, most = {}, {}, 0, 0
  for k = 1, PICKS do
    for start = 0, walks.rows - 1 do
      local id = walks.data[start * walks.cols + k]
      if not walks_with[id] then count = count + 1 end
      walks_with[id] = (walks_with[id] or 0) + 1
      most = math.max(most, walks_with[id])
    end
    distinct[k] = count
  end
  return distinct, most
end

-- The share of steps taken from a set of items that another walk has chosen as well, in whatever order:
-- what follows is then the same. A set is known by the sum of random numbers of its items.
local function measure_repetition(walks)
  local n = walks.rows
  local keys, sums = {}, {}
  math.randomseed(1)
  for id = 0, n - 1 do
    keys[id] = math.random(0, 2 ^ 52 - 1)
    sums[id] = 0
  end
  local distinct_sets = 0
  for k = 0, n - 2 do
    local seen = {}
    for start = 0, n - 1 do
      local sum = (sums[start] + keys[walks.data[start * n + k]]) % 2 ^ 52
      sums[start] = sum
      if not seen[sum] then
        seen[sum] = true
        distinct_sets = distinct_sets + 1
      end
    end
  end
  return 1 - distinct_sets / (n * (n - 1))
end

-- In how many lists of neighbours the item is that is in most, and how many items are in none.
local function measure_neighbors(lists)
  local lists_with, most, in_none = {}, 0, lists.rows
  for i = 0, lists.rows * lists.cols - 1 do
    local id = lists.data[i]
    if not lists_with[id] then in_none = in_none - 1 end
    lists_with[id] = (lists_with[id] or 0) + 1
    most = math.max(most, lists_with[id])
  end
  return { most = most, in_none = in_none }
end

-- Walks whose picks are drawn by chance.
local function random_walks(n)
  local draw, data = new_random_picks(n), ffi.new("uint32_t[?]", n * (PICKS + 1))
  for start = 0, n - 1 do
    data[start * (PICKS + 1)] = start
    draw(start, data + start * (PICKS + 1) + 1, PICKS)
  end
  return { data = data, rows = n, cols = PICKS + 1 }
end

local function compute_walks(kind, n)
  if kind.is_random then return random_walks(n) end
  return vk.compute_all_diversity_sequences({
    length = PICKS + 1, order = kind.order, lambda = kind.lambda, as = "view",
  })
end

-- How near to their start the picks are, by the cosines of embeddings that are not centred.
local function measure_ranks(judge, walks)
  local figures = picks_report.judge({
    context = judge, n = walks.rows, count = PICKS, sample = walks.rows, progress = function() end,
    picks_of = function(start) return walks.data + start * walks.cols + 1 end,
  }).picks
  local ranks = {}
  for k, of_pick in ipairs(figures.by_pick) do ranks[k] = of_pick.mean_rank end
  return ranks, figures.farthest_tenth
end

local function measure(name, path)
  local embeddings = vk.read_embeddings(path)
  local n, results = embeddings.n, { walks = {}, neighbors = {} }
  local judge = vk.new()
  judge:upload_embeddings(embeddings)
  for i, kind in ipairs(WALKS) do
    if not kind.is_random then vk.upload_embeddings(embeddings, { center = kind.center }) end
    local walks = compute_walks(kind, n)
    local result = { name = name, kind = kind, n = n }
    result.distinct, result.most = measure_picks(walks)
    result.ranks, result.farthest = measure_ranks(judge, walks)
    -- Only by centroid do equal sets of items go on alike.
    if n <= MOST_FOR_WHOLE_WALKS and not kind.is_random and not kind.order then
      result.repetition = measure_repetition(vk.compute_all_diversity_sequences({ as = "view" }))
    end
    results.walks[i] = result
  end
  for i, center in ipairs({ false, true }) do
    vk.upload_embeddings(embeddings, { center = center })
    local lists = vk.compute_nearest_neighbors(NEIGHBORS, { similarities = false, as = "view" })
    results.neighbors[i] = { name = name, center = center, figures = measure_neighbors(lists) }
  end
  judge:shutdown()
  return results
end

-- ---- Tables ------------------------------------------------------------------------------------

local function percent(part, whole) return ("%.1f %%"):format(100 * part / whole) end

local function yes(flag) return flag and "yes" or "no" end

local function print_tables(results)
  print(("| embeddings | walks | distinct items in the first %d picks | of all | the most frequent is in |"
    .. " rank of picks 1, 3, %d | picks in the farthest tenth | steps that repeat another walk's |")
    :format(PICKS, PICKS))
  print("|---|---|---:|---:|---:|---:|---:|---:|")
  for _, set in ipairs(results) do
    for _, r in ipairs(set.walks) do
      print(("| %s | %s | %d | %s | %s of the walks | %.0f, %.0f, %.0f | %s | %s |"):format(r.name, r.kind.name,
        r.distinct[PICKS], percent(r.distinct[PICKS], r.n), percent(r.most, r.n), r.ranks[1], r.ranks[3],
        r.ranks[PICKS], percent(r.farthest, 1), r.repetition and percent(r.repetition, 1) or "-"))
    end
  end
  print(("\n| embeddings | centred | the most frequent is among the %d nearest of | items that are so of none |")
    :format(NEIGHBORS))
  print("|---|---|---:|---:|")
  for _, set in ipairs(results) do
    for _, r in ipairs(set.neighbors) do
      print(("| %s | %s | %d | %d |"):format(r.name, yes(r.center), r.figures.most, r.figures.in_none))
    end
  end
end

-- ---- Picture -----------------------------------------------------------------------------------

local WIDTH, HEIGHT, LEFT, RIGHT = 880, 720, 70, 560
local COLORS = { "#1b6ca8", "#c8553d", "#3a7d44", "#7d4e9e" }
local DASHES = { "7 4", nil, "12 3 2 3", "1.5 4" }  -- of each kind of walk

local function text(x, y, words, attributes)
  return ('<text x="%.1f" y="%.1f" %s>%s</text>'):format(x, y, attributes or "", words)
end

-- Places of labels beside the ends of their lines, pushed down where these are close.
local function label_places(curves)
  local order, places = {}, {}
  for i = 1, #curves do order[i] = i end
  table.sort(order, function(a, b)
    local y, other = curves[a].points[PICKS], curves[b].points[PICKS]
    return y < other or (y == other and a < b)
  end)
  local lowest = -math.huge
  for _, i in ipairs(order) do
    lowest = math.max(curves[i].points[PICKS] + 4, lowest + 16)
    places[i] = lowest
  end
  return places
end

-- One of the two charts: from y = top to bottom, values from 0 to 100.
local function chart(add, top, bottom, title, unit, results, value_of)
  local function x_of(k) return LEFT + (k - 1) / (PICKS - 1) * (RIGHT - LEFT) end
  local function y_of(value) return bottom - value / 100 * (bottom - top) end
  add(text(LEFT, top - 20, title, 'font-size="16"'))
  for value = 0, 100, 25 do
    add(('<path d="M%d %.1f H%d" stroke="#ddd"/>'):format(LEFT, y_of(value), RIGHT))
    add(text(LEFT - 8, y_of(value) + 4, value .. unit, 'text-anchor="end"'))
  end
  for k = 1, PICKS do add(text(x_of(k), bottom + 20, k, 'text-anchor="middle"')) end
  local curves = {}
  for i, set in ipairs(results) do
    for w, r in ipairs(set.walks) do
      local points = {}
      for k = 1, PICKS do points[k] = y_of(value_of(r, k)) end
      curves[#curves + 1] = { points = points, color = COLORS[(i - 1) % #COLORS + 1], dash = DASHES[w],
        label = ("%s, %s"):format(r.name, r.kind.name) }
    end
  end
  local places = label_places(curves)
  for i, curve in ipairs(curves) do
    local points = {}
    for k = 1, PICKS do points[k] = ("%.1f,%.1f"):format(x_of(k), curve.points[k]) end
    add(('<polyline points="%s" fill="none" stroke="%s" stroke-width="2.5"%s/>'):format(table.concat(points, " "),
      curve.color, curve.dash and (' stroke-dasharray="%s"'):format(curve.dash) or ""))
    add(text(RIGHT + 10, places[i], curve.label, ('fill="%s"'):format(curve.color)))
  end
end

local function picture(results)
  local lines = {
    ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">')
      :format(WIDTH, HEIGHT),
    ('<rect width="%d" height="%d" fill="white"/>'):format(WIDTH, HEIGHT),
  }
  local function add(line) lines[#lines + 1] = line end
  chart(add, 50, 320, "Share of all items that the first picks of all walks are", " %", results,
    function(r, k) return 100 * r.distinct[k] / r.n end)
  chart(add, 400, 670, "Mean rank of each pick: 0 is the farthest from the start, 100 the nearest", "", results,
    function(r, k) return r.ranks[k] end)
  add(text((LEFT + RIGHT) / 2, 706, "picks after the start", 'text-anchor="middle"'))
  add("</svg>\n")
  return table.concat(lines, "\n")
end

-- ---- All of it ---------------------------------------------------------------------------------

local function main(path, ...)
  vk.init()
  local results = {}
  for _, input in ipairs({ ... }) do
    results[#results + 1] = measure(input:match("^(.-)=(.*)$"))
  end
  vk.shutdown()
  print_tables(results)
  local file = assert(io.open(path, "wb"))
  assert(file:write(picture(results)))
  assert(file:close())
end

if not arg[2] then
  io.stderr:write('usage: centring.lua PICTURE.svg "NAME=EMBEDDINGS"...\n')
  os.exit(2)
end
main(...)
