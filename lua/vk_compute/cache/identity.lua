--- What a cache was made from: equal identities give equal rows.
-- @module vk_compute.cache.identity

local kinds = require("vk_compute.cache.kinds")
local xxhash = require("vk_compute.system.xxhash")

local identity = {}

--- The identity of a cache of these embeddings.
-- @tparam table embeddings `data` (a pointer), `n`, `d`, `bytes`
-- @tparam table how `kind` (a name in kinds.lua), `length` of a row, `centered` (boolean),
-- `definition_version`
-- @treturn table `kind`, `n`, `d`, `length`, `centered`, `definition_version`, `embeddings_checksum` and
-- `fingerprint`: checksums are XXH3-128 in hexadecimal, the fingerprint one of all the others
function identity.of(embeddings, how)
  local what = {
    kind = how.kind,
    n = embeddings.n,
    d = embeddings.d,
    length = how.length,
    centered = how.centered,
    definition_version = how.definition_version,
    embeddings_checksum = xxhash.hex128(embeddings.data, embeddings.bytes),
  }
  what.fingerprint = identity.fingerprint(what)
  return what
end

--- The fingerprint that belongs to an identity's other fields.
function identity.fingerprint(what)
  local text = ("%s\ndefinition %d\nn %.0f\nd %.0f\nlength %.0f\ncentered %s\n%s\n"):format(
    kinds[what.kind].title, what.definition_version, what.n, what.d, what.length, tostring(what.centered),
    what.embeddings_checksum)
  return xxhash.hex128(text, #text)
end

local function is_count(value)
  return type(value) == "number" and value >= 1 and value < 2 ^ 32 and value % 1 == 0
end

--- Whether a table read from a file is an identity whose fingerprint fits it.
function identity.is_valid(what)
  return type(what) == "table" and kinds[what.kind] ~= nil
    and is_count(what.n) and is_count(what.d) and is_count(what.length)
    and what.length <= kinds[what.kind].most_ids(what.n) and type(what.centered) == "boolean"
    and is_count(what.definition_version) and type(what.embeddings_checksum) == "string"
    and what.fingerprint == identity.fingerprint(what)
end

local function centring(what)
  return what.centered and "centred" or "not centred"
end

--- How a cache's identity differs from the one asked for.
-- @treturn string such as "length (the cache has 100, asked for is 2461)", or nil where they agree
function identity.difference(cached, asked)
  local list = {}
  local function add(name, has, wanted)
    if has ~= wanted then
      list[#list + 1] = ("%s (the cache has %s, asked for is %s)"):format(name, has, wanted)
    end
  end
  add("kind", kinds[cached.kind].rows, kinds[asked.kind].rows)
  add("n", cached.n, asked.n)
  add("d", cached.d, asked.d)
  add("length", cached.length, asked.length)
  add("centring", centring(cached), centring(asked))
  add("definition version", cached.definition_version, asked.definition_version)
  if cached.embeddings_checksum ~= asked.embeddings_checksum then
    list[#list + 1] = "the embeddings themselves"
  end
  return list[1] and table.concat(list, ", ")
end

return identity
