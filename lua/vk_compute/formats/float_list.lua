--- Float memory that grows, for files that do not say at once how many numbers they hold.
-- @module vk_compute.formats.float_list

local ffi = require("ffi")
local fail = require("vk_compute.system.fail")
local C = require("vk_compute.system.libc")

local FloatList = {}
FloatList.__index = FloatList

local function resize(self, capacity)
  -- None of no bytes: realloc would free the block.
  capacity = math.max(1, capacity)
  local block = C.realloc(self.data, capacity * 4)
  if block == nil then fail("%s: this machine refuses %.0f bytes for the embeddings", self.path, capacity * 4) end
  ffi.gc(self.data, nil)
  self.data = ffi.gc(ffi.cast("float *", block), C.free)
  self.capacity = capacity
end

--- Makes room up to `data[index]`. A large block grows without being copied.
function FloatList:grow(index)
  if index >= self.capacity then resize(self, math.max(2 * self.capacity, index + 1)) end
end

--- Gives the memory, cut to a number of floats.
-- @treturn cdata `float*` that owns it
function FloatList:finish(count)
  resize(self, count)
  return self.data
end

--- An empty list: `data` (a `float*`, another one after every growth) and `capacity`.
-- @tparam string path of the file, for error messages
return function(path)
  local self = setmetatable({ path = path, data = ffi.cast("float *", nil), capacity = 0 }, FloatList)
  resize(self, 1024)
  return self
end
