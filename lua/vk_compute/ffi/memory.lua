--- Memory for numbers: new, freed by the collector, or the caller's.
-- @module vk_compute.ffi.memory

local ffi = require("ffi")
local libc = require("vk_compute.system.libc")
local raise = require("vk_compute.system.errors").raise

local memory = {}

-- ffi.new makes nothing of this size or above.
local FFI_NEW_LIMIT = 2 ^ 31

local function allocate(element, count, bytes)
  if bytes < FFI_NEW_LIMIT then
    local ok, array = pcall(ffi.new, element .. "[?]", count)
    return ok and array or nil
  end
  -- The collector does not count what malloc gives, so it would let earlier blocks pile up.
  collectgarbage()
  local block = libc.malloc(bytes)
  return block ~= nil and ffi.gc(ffi.cast(element .. "*", block), libc.free) or nil
end

--- Allocates count elements. Raises when the host refuses.
-- @tparam string element a C type, such as "float"
-- @tparam number count
-- @tparam string what for the error message, such as "the similarity matrix"
-- @treturn cdata array or pointer, indexable from 0; the memory is its own
function memory.allocate(element, count, what)
  local bytes = count * ffi.sizeof(element)
  local data = allocate(element, count, bytes)
  if not data then
    collectgarbage()
    data = allocate(element, count, bytes)
  end
  if not data then
    raise("%s takes %.0f bytes and this machine refuses them: ask for less at a time", what, bytes)
  end
  return data
end

-- As ffi.typeof names them.
local ELEMENT_NAMES = { float = "float", uint32_t = "unsigned int" }

local function store(slot, value) slot[0] = value end

-- Whether C takes the value as a pointer to such elements without a cast. LuaJIT alone would let other integers pass.
local function is_memory_of(value, element, plain)
  if type(value) ~= "cdata" or not pcall(store, ffi.new(element .. "*[1]"), value) then return false end
  return tostring(ffi.typeof(value)):gsub("const ", ""):find("^ctype<" .. ELEMENT_NAMES[plain] .. " [%*%[%(]") ~= nil
end

--- Raises unless value is FFI memory with room for rows x columns elements. The caller answers for a pointer's
-- size; an array's is checked.
-- @param value what the caller gave
-- @tparam string element a C type, such as "const float"
-- @tparam number rows
-- @tparam number columns
-- @tparam string name what to call it, such as "embeddings"
-- @treturn cdata the value
function memory.check(value, element, rows, columns, name)
  local plain = element:gsub("^const ", "")
  if not is_memory_of(value, element, plain) then
    raise("%s: FFI memory must be %s* or %s[], but is %s", name, plain, plain,
      type(value) == "cdata" and tostring(ffi.typeof(value)) or type(value))
  end
  -- An array knows its size; a pointer does not.
  if tostring(ffi.typeof(value)):find("[", 1, true) then
    local held = ffi.sizeof(value) / ffi.sizeof(plain)
    if held < rows * columns then
      raise("%s: the array holds %d numbers, but %.0f x %.0f = %.0f are needed", name, held, rows, columns,
        rows * columns)
    end
  end
  return value
end

return memory
