#!/usr/bin/env luajit
-- Shows the first steps of some walks of a diversity cache as text.
--
-- usage: show-diversity-walk.lua CACHE.npy TEXTS.jsonl [ID...]
--
-- TEXTS holds {"id": .., "text": ..} a line, in the order of the embeddings. Without IDs: the walks from
-- the first item and from the one in the middle.

package.path = (arg[0]:match("^(.*)/") or ".") .. "/../lua/?.lua;" .. package.path

local cjson = require("cjson")
local cache = require("vk_compute.cache")
local command = require("vk_compute.cli.command")

local STEPS, WIDTH = 8, 72

local function read_texts(path)
  local items, by_id = {}, {}
  for line in io.lines(path) do
    local item = cjson.decode(line)
    items[#items + 1] = item
    by_id[item.id] = #items - 1
  end
  return items, by_id
end

-- Cut at a word's end.
local function shorten(text)
  if #text <= WIDTH then return text end
  return text:sub(1, WIDTH):match("^(.*)%s") .. " ..."
end

local function show(walks, items, start)
  print(("\nfrom %s, each next the farthest from all before it:"):format(items[start + 1].id))
  local row = walks:row(start)
  for step = 1, math.min(STEPS, #row) do
    local item = items[row[step] + 1]
    print(("  %d. %-10s %s"):format(step, item.id, shorten(item.text)))
  end
end

local function main(path, texts, ...)
  if not texts then
    command.refuse_use("usage: show-diversity-walk.lua CACHE.npy TEXTS.jsonl [ID...]")
  end
  local items, by_id = read_texts(texts)
  local walks = cache.load(path)
  if #items ~= walks.n then
    error(("%s has %d lines, but %s has %d items"):format(texts, #items, path, walks.n), 0)
  end
  local ids = { ... }
  for _, id in ipairs(ids) do
    if not by_id[id] then error(("%s has no item %s"):format(texts, id), 0) end
    show(walks, items, by_id[id])
  end
  if not ids[1] then
    show(walks, items, 0)
    if walks.n > 2 then show(walks, items, math.floor(walks.n / 2)) end
  end
  walks:close()
  return 0
end

local given = { ... }
command.run(function() return main(unpack(given)) end)
