--- Whether a row is a walk: ids below n, each at most once, its start first.
-- @module vk_compute.cache.walk

local ffi = require("ffi")

--- Makes a check for rows of one cache.
-- @tparam number n items
-- @tparam number length ids in a row
-- @treturn function (row, start) -> nil where row, a `uint32_t*`, is a walk from start, else what is
-- wrong with it
return function(n, length)
  -- seen_in[id] is the number of the check that last met the id: nothing to clear between rows.
  local seen_in = ffi.new("uint32_t[?]", n)
  local check = 0
  return function(row, start)
    check = check + 1
    if check == 2 ^ 32 then
      ffi.fill(seen_in, 4 * n)
      check = 1
    end
    if row[0] ~= start then
      return ("it begins with %.0f, not with %.0f"):format(row[0], start)
    end
    for place = 0, length - 1 do
      local id = row[place]
      if id >= n then
        return ("place %.0f holds %.0f, which is no id"):format(place, id)
      end
      if seen_in[id] == check then
        return ("place %.0f holds %.0f for the second time"):format(place, id)
      end
      seen_in[id] = check
    end
  end
end
