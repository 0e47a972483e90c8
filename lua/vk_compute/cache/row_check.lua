--- Whether a row is possible: ids below n, each at most once; or similarities that do not rise.
-- @module vk_compute.cache.row_check

local ffi = require("ffi")

local row_check = {}

-- A function (row, own) -> nil, or what is wrong with a row in which the id `own` has no place after
-- the first `from` ids.
local function new_check(n, length, from)
  -- seen_in[id] is the number of the check that last met the id: nothing to clear between rows.
  local seen_in = ffi.new("uint32_t[?]", n)
  local check = 0
  return function(row, own)
    check = check + 1
    if check == 2 ^ 32 then
      ffi.fill(seen_in, 4 * n)
      check = 1
    end
    if own then seen_in[own] = check end
    for place = from, length - 1 do
      local id = row[place]
      if id >= n then
        return ("place %.0f holds %.0f, which is no id"):format(place, id)
      end
      if seen_in[id] == check then
        if id == own and from == 0 then return ("place %.0f holds the item itself"):format(place) end
        return ("place %.0f holds %.0f for the second time"):format(place, id)
      end
      seen_in[id] = check
    end
  end
end

--- Makes a check for the walks of one cache: the start comes first.
-- @tparam number n items
-- @tparam number length ids in a row
-- @treturn function (row, start) -> nil where row, a `uint32_t*`, is a walk from start, else what is
-- wrong with it
function row_check.walk(n, length)
  local check_rest = new_check(n, length, 1)
  return function(row, start)
    if row[0] ~= start then
      return ("it begins with %.0f, not with %.0f"):format(row[0], start)
    end
    return check_rest(row, start)
  end
end

--- Makes a check for the lists of neighbours of one cache: an item is not among its own.
-- @tparam number n items
-- @tparam number length ids in a row
-- @treturn function (row, item) -> nil where row, a `uint32_t*`, can be the list of item, else what is
-- wrong with it
function row_check.neighbors(n, length)
  return new_check(n, length, 0)
end

--- Makes a check for the lists of items nearest to queries, which are no items themselves.
-- @tparam number n items
-- @tparam number length ids in a row
-- @treturn function (row) -> nil where row, a `uint32_t*`, can be such a list, else what is wrong with it
function row_check.nearest(n, length)
  local check = new_check(n, length, 0)
  return function(row) return check(row) end
end

--- Makes a check for the similarities of one cache of neighbours.
-- @tparam number _ items
-- @tparam number length similarities in a row
-- @treturn function (row) -> nil where row, float32 in a `uint32_t*`, can be similarities, the greatest first, else
-- what is wrong with it
function row_check.similarities(_, length)
  return function(row)
    local values, before = ffi.cast("const float *", row), 1
    for place = 0, length - 1 do
      local value = values[place]
      if not (value >= -1 and value <= 1) then
        return ("place %.0f holds %s, which is no similarity"):format(place, tostring(value))
      elseif value > before then
        return ("place %.0f holds more than the place before"):format(place)
      end
      before = value
    end
  end
end

return row_check
