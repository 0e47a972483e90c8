--- Results as they lie in memory, without a copy.
--
-- A view has the fields
--
-- - `data`: FFI memory, `uint32_t` for ids, `float` for similarities, to be indexed from 0 or passed to
--   C. It is valid while the view is held: hold the view, not `data` alone.
-- - `length` (a list), or `rows` and `cols` (row-major).
--
-- Indices are those of C, from 0: `list[k]` is a number, `grid[r]` is the list that is row r, which
-- holds the memory of the whole. Reading outside raises. `view:totable()` copies into ordinary Lua
-- tables, which count from 1.
-- @module vk_compute.ffi.view

local raise = require("vk_compute.system.errors").raise
local describe = require("vk_compute.system.arguments").describe
local new_table = require("table.new")

local view = {}

-- The owner of the data is given and returned so that it stays reachable while they are copied.
local function to_list(data, offset, length, owner)
  local list = new_table(length, 0)
  for k = 1, length do list[k] = data[offset + k - 1] end
  return list, owner
end

local function check_index(index, size, what)
  if index >= 0 and index < size and index % 1 == 0 then return end
  raise("%s %s is not in this view: they go from 0 to %d", what, describe(index), size - 1)
end

local list_methods = {}
local List = {}

function List.__index(self, key)
  if type(key) ~= "number" then return list_methods[key] end
  check_index(key, self.length, "position")
  return self.data[key]
end

function list_methods:totable()
  return (to_list(self.data, 0, self.length, self))
end

local grid_methods = {}
local Grid = {}

function Grid.__index(self, key)
  if type(key) ~= "number" then return grid_methods[key] end
  check_index(key, self.rows, "row")
  return view.list(self.data + key * self.cols, self.cols, self.data)
end

function grid_methods:totable()
  local rows = new_table(self.rows, 0)
  for r = 1, self.rows do rows[r] = to_list(self.data, (r - 1) * self.cols, self.cols, self) end
  return rows
end

--- A view of length numbers.
-- @tparam cdata data the first of them
-- @tparam number length
-- @param owner what must stay reachable for data to be valid, where that is not data itself
-- @treturn table
function view.list(data, length, owner)
  return setmetatable({ data = data, length = length, owner = owner }, List)
end

--- A view of rows x cols numbers, row-major.
-- @tparam cdata data the first of them; owns the memory
-- @tparam number rows
-- @tparam number cols
-- @treturn table
function view.grid(data, rows, cols)
  return setmetatable({ data = data, rows = rows, cols = cols }, Grid)
end

return view
