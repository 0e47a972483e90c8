--- Embeddings as scripts have them, brought into float32 memory.
-- @module vk_compute.ffi.embeddings

local arguments = require("vk_compute.system.arguments")
local memory = require("vk_compute.ffi.memory")
local raise = require("vk_compute.system.errors").raise

local describe = arguments.describe

local embeddings = {}

local HUGE = math.huge
-- The smallest double that rounds to infinity as a float.
local FLOAT_BOUND = 2 ^ 128 - 2 ^ 103

local function bad_number(value, place)
  if type(value) ~= "number" then
    raise("embeddings: %s, counted from 1, is %s, not a number", place, describe(value))
  end
  raise("embeddings: %s, counted from 1, is %s, which float32 cannot hold: scale the embeddings",
    place, describe(value))
end

-- NaN and infinity pass: the library refuses them, naming row and column. Only what would turn into
-- infinity on the way is caught here.
local function is_bad(value)
  return type(value) ~= "number"
    or not (value < FLOAT_BOUND and value > -FLOAT_BOUND)
      and value == value and value ~= HUGE and value ~= -HUGE
end

-- Lua counts from 1; an entry at 0 would be lost without a word.
local function refuse_entry_0(list, what)
  if list[0] ~= nil then
    raise("embeddings: %s has an entry at index 0: tables count from 1, ids from 0, so move every"
      .. " entry up by one", what)
  end
end

local function from_nested(rows)
  refuse_entry_0(rows, "the table")
  local n, d = #rows, #(type(rows[1].embedding) == "table" and rows[1].embedding or rows[1])
  local data = memory.allocate("float", n * d, "the copy of the embeddings")
  for i = 1, n do
    local row = rows[i]
    if type(row) == "table" and type(row.embedding) == "table" then row = row.embedding end
    if type(row) ~= "table" then
      raise("embeddings: row %d, counted from 1, is %s, not a table of numbers", i, describe(row))
    end
    refuse_entry_0(row, "row " .. i)
    if #row ~= d then
      raise("embeddings: row %d, counted from 1, has %d columns, but row 1 has %d: all rows must have"
        .. " the same number", i, #row, d)
    end
    local offset = (i - 1) * d - 1
    for k = 1, d do
      local value = row[k]
      if is_bad(value) then bad_number(value, ("row %d, column %d"):format(i, k)) end
      data[offset + k] = value
    end
  end
  return data, n, d
end

local function from_flat(list, n, d)
  refuse_entry_0(list, "the table")
  if #list ~= n * d then
    raise("embeddings: the table has %d entries, but n x d is %d x %d = %.0f", #list, n, d, n * d)
  end
  local data = memory.allocate("float", n * d, "the copy of the embeddings")
  for k = 1, n * d do
    local value = list[k]
    if is_bad(value) then
      bad_number(value, ("entry %d (row %d, column %d)"):format(
        k, math.floor((k - 1) / d) + 1, (k - 1) % d + 1))
    end
    data[k - 1] = value
  end
  return data
end

local function from_memory(source, n, d)
  return memory.check(source, "const float", n, d, "embeddings")
end

--- Reads the arguments of upload_embeddings, which may be
--
-- - `(rows [, options])`: a table of n tables of d numbers;
-- - `(flat, n, d [, options])`: a table of n x d numbers, row after row;
-- - `(memory, n, d [, options])`: FFI `float*` or `float[]`, row-major, not copied;
-- - `(answer [, options])`: a table with such rows as `embeddings`, or one row as `embedding`, as Ollama's answers are;
-- - `(file [, options])`: a table with such memory as `data`, `n` and `d`, as from a file, not copied.
-- @treturn cdata n x d floats, row-major
-- @treturn number n
-- @treturn number d
-- @treturn table|nil options, not yet checked
function embeddings.read(source, a, b, c)
  if type(source) ~= "table" and type(source) ~= "cdata" then
    raise("embeddings must be a table of tables, a flat table with n and d, or FFI float memory with"
      .. " n and d, but are %s", describe(source))
  end

  if type(source) == "table" and type(source.data) == "cdata" then
    if type(a) == "number" then
      raise("embeddings: a table with data, n and d takes no other n and d: its own count")
    end
    local n, d = arguments.uint32(source.n, "n"), arguments.uint32(source.d, "d")
    return from_memory(source.data, n, d), n, d, a
  end
  if type(source) == "table" and type(source[1]) == "table" then
    if type(a) == "number" then
      raise("embeddings: a table of tables takes no n and d: its own sizes count")
    end
    local data, n, d = from_nested(source)
    return data, n, d, a
  end

  -- What Ollama's /api/embed and /api/embeddings answer, decoded.
  if type(source) == "table" and type(source.embeddings) == "table" then
    return embeddings.read(source.embeddings, a, b, c)
  elseif type(source) == "table" and type(source.embedding) == "table" then
    return embeddings.read({ source.embedding }, a, b, c)
  end

  if type(source) == "table" and source[1] == nil then
    refuse_entry_0(source, "the table")
    raise("embeddings: the table is empty (nothing at index 1)")
  end
  if type(a) ~= "number" or type(b) ~= "number" then
    raise("embeddings: %s needs n (rows) and d (columns) after it, but %s and %s came",
      type(source) == "table" and "a flat table (row 1 is not a table)" or "FFI memory",
      describe(a), describe(b))
  end
  local n, d = arguments.uint32(a, "n"), arguments.uint32(b, "d")
  local read = type(source) == "table" and from_flat or from_memory
  return read(source, n, d), n, d, c
end

return embeddings
