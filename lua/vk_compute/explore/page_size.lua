--- How many items of each list a page has room for: a page that is too large opens slowly, or not at all.
-- @module vk_compute.explore.page_size

local fail = require("vk_compute.system.fail")

local page_size = {}

local DEFAULT_PICKS, LEAST_PICKS, MOST_PICKS = 10, 3, 29
page_size.DEFAULT_PICKS, page_size.MOST_PICKS = DEFAULT_PICKS, MOST_PICKS

--- What a page may take, in bytes.
page_size.MOST_BYTES = 30e6

-- Bytes of the arrays of gather.all. In the page they take no more: they are compressed, and then, as base64, a third
-- larger.
local function number_bytes(n, picks, lists)
  local id = n > 65535 and 4 or 2
  return lists * n * (picks * (id + 4) + picks * (picks - 1) + id) + n * (2 * id + 4)
end

local function refuse(o, room)
  local megabytes = o.most_bytes / 1e6
  if number_bytes(o.n, LEAST_PICKS, #o.lists) <= o.most_bytes then
    fail("ids, texts and groups take, compressed, %.3g MB of a page of %.3g MB: give shorter texts, such as their"
      .. " first 200 characters", (o.most_bytes - room) / 1e6, megabytes)
  end
  fail("%.0f items are more than a page of %.3g MB can show: make pages of parts of them, such as one of each group",
    o.n, megabytes)
end

--- How many picks of each list are shown.
-- @tparam table o
--
-- - `n`: items, 2 or more
-- - `lists`: as from lists.choose. A cache must have enough picks
-- - `asked`: picks that are wished, or nil
-- - `other_bytes`: what the page takes before it holds a number
-- - `most_bytes`: what it may take
-- @treturn number picks
-- @treturn ?string what the page has to say of that
-- @raise where there is not enough room
function page_size.choose(o)
  local n, room = o.n, o.most_bytes - o.other_bytes
  local most = math.min(n - 1, MOST_PICKS)
  while most > 0 and number_bytes(n, most, #o.lists) > room do most = most - 1 end
  if most < math.min(LEAST_PICKS, n - 1) then refuse(o, room) end
  if o.asked and o.asked > most then
    fail("--picks %.0f is more than the %.0f that a page of these %.0f items can show", o.asked, most, n)
  end
  local picks, note = o.asked or math.min(DEFAULT_PICKS, most), nil
  if not o.asked and most < DEFAULT_PICKS and most < n - 1 then
    note = ("Lists show %d items each, not %d, so that this page of %.0f items stays below %.3g MB."):format(most,
      DEFAULT_PICKS, n, o.most_bytes / 1e6)
  end
  for _, list in ipairs(o.lists) do
    if list.cache and list.picks < picks then
      fail("%s has %.0f picks a row, and the page shows %.0f: give --picks %.0f, or compute it longer",
        list.cache.path, list.picks, picks, list.picks)
    end
  end
  return picks, note
end

return page_size
