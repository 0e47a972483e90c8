--- The orders that sequences can have: what VkcOrder of vulkan_compute.h is in Lua.
-- @module vk_compute.ffi.orders

-- Their places are the values of VkcOrder, from 0. `meaning`: what the next item is, for users.
local list = {
  { name = "centroid", meaning = "the farthest from the centroid of those before it, a varied tour of all (default)" },
  { name = "away", has_lambda = true, meaning = "unlike the start and unlike one another" },
  { name = "toward", has_lambda = true, meaning = "like the start and unlike one another" },
}

-- {"a", "b", "c"} -> "a, b or c"
local function any_of(words)
  local last = table.remove(words)
  return words[1] and table.concat(words, ", ") .. " or " .. last or last
end

local by_name, names, quoted, with_lambda = {}, {}, {}, {}
for place, order in ipairs(list) do
  order.value = place - 1
  by_name[order.name] = order
  names[place], quoted[place] = order.name, ('"%s"'):format(order.name)
  if order.has_lambda then with_lambda[#with_lambda + 1] = order.name end
end

return {
  list = list,
  names = names,
  --- name -> order
  by_name = by_name,
  --- For messages: all of them, and those that have a lambda.
  any = any_of(quoted),
  any_with_lambda = any_of(with_lambda),
}
