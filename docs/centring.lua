#!/usr/bin/env luajit
-- Measures what centring does to the first picks of all walks, and to nearest neighbours: prints the tables
-- of docs/centring.md and writes its picture.
--
-- usage: centring.lua PICTURE.svg "NAME=EMBEDDINGS"...

local root = arg[0]:match("^(.*)/") or "."
package.path = root .. "/../lua/?.lua;" .. package.path

local vk = require("vk_compute")

-- Those after the start: it is another item in every walk, centred or not.
local PICKS = 10
local NEIGHBORS = 10
-- Of larger sets whole walks take minutes on a CPU.
local MOST_FOR_WHOLE_WALKS = 4000

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

local function measure(name, path)
  local embeddings = vk.read_embeddings(path)
  local results = {}
  for i, center in ipairs({ false, true }) do
    vk.upload_embeddings(embeddings, { center = center })
    local result = { name = name, center = center, n = embeddings.n }
    result.distinct, result.most =
      measure_picks(vk.compute_all_diversity_sequences({ length = PICKS + 1, as = "view" }))
    if embeddings.n <= MOST_FOR_WHOLE_WALKS then
      result.repetition = measure_repetition(vk.compute_all_diversity_sequences({ as = "view" }))
    end
    result.neighbors = measure_neighbors(vk.compute_nearest_neighbors(NEIGHBORS,
      { similarities = false, as = "view" }))
    results[i] = result
  end
  return results
end

-- ---- Tables ------------------------------------------------------------------------------------

local function percent(part, whole) return ("%.1f %%"):format(100 * part / whole) end

local function yes(flag) return flag and "yes" or "no" end

local function print_tables(results)
  print(("| embeddings | centred | distinct items in the first %d picks | of all |"
    .. " the most frequent is in | steps that repeat another walk's |"):format(PICKS))
  print("|---|---|---:|---:|---:|---:|")
  for _, r in ipairs(results) do
    print(("| %s | %s | %d | %s | %s of the walks | %s |"):format(r.name, yes(r.center),
      r.distinct[PICKS], percent(r.distinct[PICKS], r.n), percent(r.most, r.n),
      r.repetition and percent(r.repetition, 1) or "not measured"))
  end
  print(("\n| embeddings | centred | the most frequent is among the %d nearest of | items that are so of none |")
    :format(NEIGHBORS))
  print("|---|---|---:|---:|")
  for _, r in ipairs(results) do
    print(("| %s | %s | %d | %d |"):format(r.name, yes(r.center), r.neighbors.most, r.neighbors.in_none))
  end
end

-- ---- Picture -----------------------------------------------------------------------------------

local WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 420, 70, 50, 500, 360
local COLORS = { "#1b6ca8", "#c8553d", "#3a7d44", "#7d4e9e" }

local function x_of(picks) return LEFT + (picks - 1) / (PICKS - 1) * (RIGHT - LEFT) end
local function y_of(share) return BOTTOM - share * (BOTTOM - TOP) end

local function text(x, y, words, attributes)
  return ('<text x="%.1f" y="%.1f" %s>%s</text>'):format(x, y, attributes or "", words)
end

-- Labels beside the ends of their lines, pushed apart where these are close.
local function label_places(results)
  local order, places = {}, {}
  for i, r in ipairs(results) do order[i] = { i, y_of(r.distinct[PICKS] / r.n) } end
  table.sort(order, function(a, b) return a[2] > b[2] end)
  local above = math.huge
  for _, entry in ipairs(order) do
    above = math.min(entry[2] + 4, above - 18)
    places[entry[1]] = above
  end
  return places
end

local function picture(results)
  local lines = {
    ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">')
      :format(WIDTH, HEIGHT),
    ('<rect width="%d" height="%d" fill="white"/>'):format(WIDTH, HEIGHT),
    text(LEFT, 28, "Share of all items that the first picks of all walks are", 'font-size="16"'),
  }
  local function add(line) lines[#lines + 1] = line end
  for share = 0, 1, 0.25 do
    local y = y_of(share)
    add(('<path d="M%d %.1f H%d" stroke="#ddd"/>'):format(LEFT, y, RIGHT))
    add(text(LEFT - 8, y + 4, ("%d %%"):format(100 * share), 'text-anchor="end"'))
  end
  for k = 1, PICKS do add(text(x_of(k), BOTTOM + 20, k, 'text-anchor="middle"')) end
  add(text((LEFT + RIGHT) / 2, BOTTOM + 44, "picks after the start", 'text-anchor="middle"'))
  local places = label_places(results)
  for i, r in ipairs(results) do
    local points, color = {}, COLORS[(i - 1) % #COLORS + 1]
    for k = 1, PICKS do points[k] = ("%.1f,%.1f"):format(x_of(k), y_of(r.distinct[k] / r.n)) end
    add(('<polyline points="%s" fill="none" stroke="%s" stroke-width="2.5"%s/>'):format(
      table.concat(points, " "), color, r.center and "" or ' stroke-dasharray="7 4"'))
    add(text(RIGHT + 10, places[i], ("%s, %s"):format(r.name, r.center and "centred" or "not centred"),
      ('fill="%s"'):format(color)))
  end
  add("</svg>\n")
  return table.concat(lines, "\n")
end

-- ---- All of it ---------------------------------------------------------------------------------

local function main(path, ...)
  vk.init()
  local results = {}
  for _, input in ipairs({ ... }) do
    for _, result in ipairs(measure(input:match("^(.-)=(.*)$"))) do results[#results + 1] = result end
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
