--- NAME.json: what a finished cache was made from, and its checksums.
--
-- One JSON object:
--
-- - `format`, `format_version`: what its kind is called (see kinds.lua), such as "vulkan_compute diversity
--   cache"; 1, of shards 2
-- - the identity (identity.lua) but for its kind
-- - `device`, `library_version`, `date` (ISO 8601, UTC): of the last run
-- - `rows_checksum`: XXH3-128 of all rows of NAME, that is of all bytes after its header
-- - `row_checksums`: XXH3-64 of each row, 16 hexadecimal digits a row, row after row
-- - `checksum`: the last member: XXH3-128 of the file up to the comma before it, so that a changed
--   byte anywhere in this file shows
-- @module vk_compute.cache.metadata

local json = require("vk_compute.system.json")
local files = require("vk_compute.system.files")
local identity = require("vk_compute.cache.identity")
local kinds = require("vk_compute.cache.kinds")
local xxhash = require("vk_compute.system.xxhash")

local metadata = {}

-- After the identity.
local MEMBERS = { "device", "library_version", "date", "rows_checksum", "row_checksums" }

local BEGINNING = '{\n  "format": "vulkan_compute '

-- The name of the kind that has a format, or nil.
local function kind_of(format)
  for name, kind in pairs(kinds) do
    if kind.format == format then return name end
  end
end

local function with_checksum(body)
  return ('%s,\n  "checksum": "%s"\n}\n'):format(body, xxhash.hex128(body, #body))
end

local function encode(fields)
  local lines = {
    ('  "format": %s'):format(json.encode(kinds[fields.kind].format)),
    ('  "format_version": %d'):format(identity.version(fields)),
  }
  for _, member in ipairs(identity.members(fields, { kind = true })) do
    lines[#lines + 1] = ("  %s: %s"):format(unpack(member))
  end
  for _, name in ipairs(MEMBERS) do
    lines[#lines + 1] = ('  "%s": %s'):format(name, json.encode(fields[name]))
  end
  return with_checksum("{\n" .. table.concat(lines, ",\n"))
end

-- The fields, or nil and what is wrong.
local function decode(text)
  local body = text:sub(1, -1 - #with_checksum(""))
  if with_checksum(body) ~= text then
    return nil, "its checksum does not fit: it is damaged"
  end
  local ok, fields = pcall(json.decode, text)
  local kind = ok and type(fields) == "table" and kind_of(fields.format)
  if not kind then
    return nil, "it does not describe a cache of a kind known here"
  end
  fields.kind = kind
  if fields.format_version ~= identity.version(fields) then
    return nil, ("it has format version %s, which is not known here"):format(tostring(fields.format_version))
  end
  local fit = identity.complete(fields)
  for _, name in ipairs(MEMBERS) do fit = fit and type(fields[name]) == "string" end
  local _, count = identity.rows(fit and fields or { n = 0 })
  if not fit or #fields.row_checksums ~= 16 * count or fields.row_checksums:find("%X") then
    return nil, "its members do not fit each other"
  end
  return fields
end

--- Whether there is a file at a path that begins as metadata do, damaged further on or not.
function metadata.begins(path)
  local info = files.stat(path)
  return info ~= nil and files.is_regular(info) and files.head(path, #BEGINNING) == BEGINNING
end

--- Reads a metadata file.
-- @treturn table its members, and `kind` (a name in kinds.lua); or nil and what is wrong with it; nil
-- and nil where there is none
function metadata.read(path)
  local info = files.stat(path)
  if not info then return nil end
  -- A file that begins otherwise may be of any size.
  local is_other = files.is_regular(info) and not metadata.begins(path)
  local fields, problem = decode(is_other and "" or files.contents(path))
  if not fields then return nil, ("%s cannot be used: %s"):format(path, problem) end
  return fields
end

--- Writes a metadata file: complete and on disk, or not at all.
-- @tparam string path
-- @tparam table fields an identity, and all members after it
function metadata.write(path, fields)
  files.replace(path, encode(fields))
end

--- What tells the checksum of each row.
-- @treturn function (row) -> XXH3-64
function metadata.row_checksums(fields)
  local first = identity.rows(fields)
  local all = fields.row_checksums
  return function(row)
    local place = 16 * (row - first)
    return all:sub(place + 1, place + 16)
  end
end

return metadata
