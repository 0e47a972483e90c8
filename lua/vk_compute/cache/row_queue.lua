--- Rows that wait to be computed: ranges of places in a list of rows.
-- @module vk_compute.cache.row_queue

local row_queue = {}

local Queue = {}
Queue.__index = Queue

--- Makes a queue of the places 1 to count.
-- @treturn Queue `left`: how many wait
function row_queue.new(count)
  return setmetatable({ ranges = { { 1, count } }, left = count }, Queue)
end

--- Takes the first places that lie one after another.
-- @tparam number most how many at most
-- @treturn number the first; nil where none wait
-- @treturn number the last
function Queue:take(most)
  local range = self.ranges[1]
  if self.left == 0 then return nil end
  local first = range[1]
  local last = math.min(range[2], first + most - 1)
  range[1] = last + 1
  if range[1] > range[2] then table.remove(self.ranges, 1) end
  self.left = self.left - (last - first + 1)
  return first, last
end

--- Puts places back, in order.
function Queue:put(first, last)
  local ranges, k = self.ranges, 1
  while ranges[k] and ranges[k][1] < first do k = k + 1 end
  local before, after = ranges[k - 1], ranges[k]
  if before and before[2] + 1 == first then
    before[2] = last
    if after and after[1] == last + 1 then
      before[2] = after[2]
      table.remove(ranges, k)
    end
  elseif after and after[1] == last + 1 then
    after[1] = first
  else
    table.insert(ranges, k, { first, last })
  end
  self.left = self.left + last - first + 1
end

return row_queue
