--- Lists of items that a command prints: one a line, with what people call it and its text.
-- @module vk_compute.cli.item_list

local printable = require("vk_compute.system.printable")

local item_list = {}

local WIDTH, WIDEST_ID = 72, 40

-- Cut at a word's end, at least before a character.
local function shorten(text)
  if #text <= WIDTH then return text end
  local cut = text:sub(1, WIDTH)
  cut = cut:match("^(.*)%s") or cut:match("^(.*[%z\1-\127\194-\244][\128-\191]*)[\194-\244][\128-\191]*$") or cut
  return cut .. " ..."
end

function item_list.declare(parser)
  parser:option("--texts", 'show the items\' texts, of this file: {"id": .., "text": ..} or {"text": ..} a line, or a'
    .. " text a line; by ids where both files have them, else in the order of EMBEDDINGS"):argname("FILE")
end

--- Says a line for each item: its index, its id, scores, the beginning of its text; those that there are. Where
-- texts are not wanted and there are no scores, only the index.
-- @tparam Output out
-- @tparam Items items
-- @tparam {number,...} indices
-- @tparam[opt] {{number,...},...} scores lists with a number for each item, or false where there is none
function item_list.say(out, items, indices, scores)
  if not items.texts and not scores then return out:result(table.concat(indices, "\n")) end
  local widest = 0
  if items.ids then
    for _, index in ipairs(indices) do widest = math.max(widest, #printable.line(items:name(index))) end
  end
  for k, index in ipairs(indices) do
    local parts = { ("%6.0f"):format(index) }
    if items.ids then
      local name = printable.line(items:name(index))
      parts[#parts + 1] = name .. (" "):rep(math.min(widest, WIDEST_ID) - #name)
    end
    for _, list in ipairs(scores or {}) do
      parts[#parts + 1] = list[k] and ("%6.3f"):format(list[k]) or "     -"
    end
    local text = items:text(index)
    if text then parts[#parts + 1] = shorten(printable.line(printable.utf8((text:gsub("%s+", " "))))) end
    out:result((table.concat(parts, "  "):gsub("%s+$", "")))
  end
end

--- Adds to a document what the items are called and their texts, where there are such: lists `ids` and `texts`.
function item_list.add_to(document, items, indices)
  for _, name in ipairs({ "ids", "texts" }) do
    if items[name] then
      document[name] = {}
      for k, index in ipairs(indices) do document[name][k] = items[name][index + 1] end
    end
  end
  return document
end

return item_list
