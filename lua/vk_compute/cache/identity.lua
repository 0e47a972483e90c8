--- What a cache was made from: equal identities give equal rows.
--
-- FIELDS lists what that is, in the order of files. The fingerprint, differences, metadata, journal, export and
-- status derive from the list. A field is a table of
--
-- - `name`: in identities, in jobs and in files
-- - `default`: what it is where nothing is said of it; then no file mentions it. So files from before there was
--   the field stay readable, and the same
-- - `is_valid`: function (value, what)
-- - `canonical`: function (value) -> the value that stands for all that are as good as the same
-- - `label`, `shown`: in messages, where these are not the name and the value; a field whose `shown` is false is
--   not shown
-- - `line`: what the fingerprint is of: a format, or function (value) -> text
-- - `said`: function (value, what) -> a part of a description
-- - `version`: of the format of files that mention it, where that is not 1: earlier programs then refuse them
-- @module vk_compute.cache.identity

local ffi = require("ffi")
local json = require("vk_compute.system.json")
local orders = require("vk_compute.ffi.orders")
local kinds = require("vk_compute.cache.kinds")
local shard = require("vk_compute.cache.shard")
local xxhash = require("vk_compute.system.xxhash")

local identity = {}

local function is_count(value)
  return type(value) == "number" and value >= 1 and value < 2 ^ 32 and value % 1 == 0
end

local function is_length(value, what)
  return is_count(value) and value <= kinds[what.kind].most_ids(what.n)
end

local function is_a(name)
  return function(value) return type(value) == name end
end

local function is_order(order) return orders.by_name[order] ~= nil end

local function is_lambda(value, what)
  if not orders.by_name[what.order].has_lambda then return value == nil end
  return type(value) == "number" and value >= 0 and value <= 1
end

-- The number with the fewest digits that is the same float32: those that are equal as such make equal rows.
local function shortest_float32(number)
  local rounded = ffi.new("float[1]", number)[0]
  for digits = 1, 9 do
    local short = tonumber(("%%.%dg"):format(digits):format(rounded))
    if ffi.new("float[1]", short)[0] == rounded then return short end
  end
end

local function is_shard(value, what)
  if value == nil then return true end
  local index, count = shard.parse(type(value) == "string" and value or "")
  return index ~= nil and shard.canonical(value) == value and count <= identity.all_rows(what)
end

local function said_shard(_, what)
  local first, count = identity.rows(what)
  return ("shard %s: rows %.0f to %.0f"):format(what.shard, first, first + count - 1)
end

local function centring(value) return value and "centred" or "not centred" end

-- Some kinds have queries, and others none.
local function is_of_queries(is_valid)
  return function(value, what)
    if kinds[what.kind].has_queries then return is_valid(value) end
    return value == nil
  end
end

local FIELDS = {
  { name = "kind", default = "diversity", is_valid = function(kind) return kinds[kind] ~= nil end,
    shown = function(kind) return kinds[kind].rows end },
  { name = "n", is_valid = is_count, line = "n %.0f" },
  { name = "d", is_valid = is_count, line = "d %.0f",
    said = function(d, what) return ("%.0f embeddings of dimension %.0f"):format(what.n, d) end },
  { name = "length", is_valid = is_length, line = "length %.0f",
    said = function(length) return ("%.0f ids a row"):format(length) end },
  { name = "centered", is_valid = is_a("boolean"), label = "centring", shown = centring, said = centring,
    line = function(value) return "centered " .. tostring(value) end },
  { name = "order", default = "centroid", is_valid = is_order, line = "order %s",
    said = function(order, what) return what.lambda and ("order %s, lambda %s"):format(order, what.lambda)
      or "order " .. order end },
  -- Only some orders have one.
  { name = "lambda", is_valid = is_lambda, line = "lambda %.9g", canonical = shortest_float32,
    shown = function(lambda) return lambda and tostring(lambda) or "none" end },
  { name = "definition_version", is_valid = is_count, label = "definition version" },
  { name = "embeddings_checksum", is_valid = is_a("string"), label = "the embeddings themselves", shown = false,
    line = "%s" },
  { name = "queries", is_valid = is_of_queries(is_count), line = "queries %.0f",
    shown = function(queries) return queries and ("%.0f"):format(queries) or "none" end,
    said = function(queries) return ("%.0f queries"):format(queries) end },
  { name = "queries_checksum", is_valid = is_of_queries(is_a("string")), label = "the queries themselves",
    shown = false, line = "%s" },
  -- The rows are the same as in the whole: the fingerprint is the whole's.
  { name = "shard", is_valid = is_shard, canonical = shard.canonical, said = said_shard, version = 2,
    shown = function(value) return value or "all rows" end },
}

local function fingerprint(what)
  -- First what rows mean.
  local lines = { ("%s\ndefinition %d\n"):format(kinds[what.kind].title, what.definition_version) }
  for _, field in ipairs(FIELDS) do
    local value, line = what[field.name], field.line
    if line and value ~= field.default then
      lines[#lines + 1] = (type(line) == "string" and line:format(value) or line(value)) .. "\n"
    end
  end
  local text = table.concat(lines)
  return xxhash.hex128(text, #text)
end

local function set_defaults(what)
  for _, field in ipairs(FIELDS) do
    if what[field.name] == nil then what[field.name] = field.default end
  end
end

--- The identity of a cache of these embeddings.
-- @tparam table embeddings `data` (a pointer), `n`, `d`, `bytes`; `queries`: nil, or the same of queries
-- @tparam table how the other fields
-- @treturn table all fields, and `fingerprint`: checksums are XXH3-128 in hexadecimal, the fingerprint one of all
-- the others
function identity.of(embeddings, how)
  local what = identity.copy(how, {})
  what.n, what.d = embeddings.n, embeddings.d
  what.embeddings_checksum = xxhash.hex128(embeddings.data, embeddings.bytes)
  local queries = embeddings.queries
  if queries then what.queries, what.queries_checksum = queries.n, xxhash.hex128(queries.data, queries.bytes) end
  for _, field in ipairs(FIELDS) do
    local value = what[field.name]
    if field.canonical and value ~= nil then what[field.name] = field.canonical(value) end
  end
  set_defaults(what)
  what.fingerprint = fingerprint(what)
  return what
end

--- Copies the fields of an identity, and its fingerprint, into another table.
-- @treturn table that other
function identity.copy(what, into)
  for _, field in ipairs(FIELDS) do into[field.name] = what[field.name] end
  into.fingerprint = what.fingerprint
  return into
end

--- The members of a JSON object that stand for an identity, the fingerprint last.
-- @tparam table what
-- @tparam {[string]=boolean} left_out names of fields that are not wanted
-- @treturn {{string,string},...} names and values, as JSON
function identity.members(what, left_out)
  local members = {}
  for _, field in ipairs(FIELDS) do
    local name, value = field.name, what[field.name]
    if not left_out[name] and value ~= field.default then
      members[#members + 1] = { json.encode(name), json.encode(value) }
    end
  end
  members[#members + 1] = { '"fingerprint"', json.encode(what.fingerprint) }
  return members
end

--- Sets the defaults in a table read from a file, and tells whether it is an identity whose fingerprint fits it.
function identity.complete(what)
  set_defaults(what)
  for _, field in ipairs(FIELDS) do
    local value = what[field.name]
    if (value == nil or value ~= field.default) and not field.is_valid(value, what) then return false end
  end
  return what.fingerprint == fingerprint(what)
end

--- How many rows the whole has: one for each item, or query.
function identity.all_rows(what)
  return what.queries or what.n
end

--- Which rows a cache has.
-- @treturn number the first
-- @treturn number how many
function identity.rows(what)
  if not what.shard then return 0, identity.all_rows(what) end
  local index, count = shard.parse(what.shard)
  return shard.rows(index, index, count, identity.all_rows(what))
end

--- What the lines of a journal are signed with: rows of one shard count for nothing in another.
function identity.key(what)
  return what.shard and ("%s %s "):format(what.fingerprint, what.shard) or what.fingerprint
end

--- The version of the format of files that mention these fields.
function identity.version(what)
  local version = 1
  for _, field in ipairs(FIELDS) do
    if field.version and what[field.name] ~= field.default then version = math.max(version, field.version) end
  end
  return version
end

--- How a cache's identity differs from the one asked for.
-- @tparam table cached
-- @tparam table asked
-- @tparam[opt] string wording a format of what is said of a field: its label, and both values
-- @treturn string such as "length (the cache has 100, asked for is 2461)", or nil where they agree
function identity.difference(cached, asked, wording)
  wording = wording or "%s (the cache has %s, asked for is %s)"
  local list = {}
  for _, field in ipairs(FIELDS) do
    local has, wanted, label = cached[field.name], asked[field.name], field.label or field.name
    if has ~= wanted then
      local function shown(value) return field.shown and field.shown(value) or tostring(value) end
      list[#list + 1] = field.shown == false and label
        or wording:format(label, shown(has), shown(wanted))
    end
  end
  return list[1] and table.concat(list, ", ")
end

--- What a cache is of, in words.
function identity.description(what)
  local parts = {}
  for _, field in ipairs(FIELDS) do
    local value = what[field.name]
    if field.said and value ~= field.default then parts[#parts + 1] = field.said(value, what) end
  end
  return table.concat(parts, ", ")
end

return identity
