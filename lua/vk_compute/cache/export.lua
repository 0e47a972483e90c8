--- Writes a finished cache in other forms: row by row, each compared with its checksum on the way.
-- @module vk_compute.cache.export

local ffi = require("ffi")
local json = require("vk_compute.system.json")
local fail = require("vk_compute.system.fail")
local file_kind = require("vk_compute.cache.file_kind")
local files = require("vk_compute.system.files")
local identity = require("vk_compute.cache.identity")
local kinds = require("vk_compute.cache.kinds")
local layout = require("vk_compute.cache.layout")
local new_items = require("vk_compute.formats.items").new
local repair_hint = require("vk_compute.cache.repair_hint")
local rows = require("vk_compute.cache.rows")
local source = require("vk_compute.cache.source")
local target = require("vk_compute.cache.target")
local xxhash = require("vk_compute.system.xxhash")

local export = {}

-- Of the metadata; the kind shows by what the rows are called.
local LEFT_OUT = { kind = true, embeddings_checksum = true }
local MEMBERS = { "device", "library_version", "date" }

-- Plain binary has no beginning of its own.
local function is_binary(path)
  return false, ("is %s, and nothing shows that it is an earlier export"):format(file_kind.of(path))
end

local JSON_BEGINNING = '^{"metadata": {"n": %d+, "d": %d+, "length": %d+, "centered": %l+, .-"fingerprint": "%x+"'

local function is_json(path)
  return files.head(path, 256):find(JSON_BEGINNING) ~= nil
end

-- Raises where the output may not be written.
local function check_output(path, output, parts, force)
  local inputs = {}
  for _, own in pairs(layout.paths(path)) do inputs[#inputs + 1] = own end
  inputs[#inputs + 1] = target.lock(path)
  target.check(output, {
    what = "an export", example = parts.example, force = force,
    inputs = inputs, input_is = "belongs to the cache " .. path,
    files = { { path = output, is_earlier = parts.is_earlier } },
  })
end

-- Calls parts.begin(put, what), each(put, row, pointer), finish(put): put(data, bytes) appends to the output.
local function write(from, path, output, options, parts)
  local stop, report = options.stop, options.report
  if not from.finished then
    fail("%s is not finished: %.0f of %.0f rows are done", path, from.done, from.place.count)
  end
  files.remove_temporaries(output)
  files.replace_with(output, function(put)
    parts.begin(put, from.what)
    rows.each(from.file, from.place, function(row, pointer)
      if xxhash.hex64(pointer, from.place.row_bytes) ~= from.checksum_of(row) then
        fail("row %.0f of %s is damaged: %s", row, path, repair_hint(path, from.what))
      end
      parts.each(put, row, pointer)
    end, function(done)
      if stop and stop() > 0 then fail("stopped: %s was not written", output) end
      if report then report(done, from.place.count) end
    end)
    parts.finish(put)
  end)
end

local function export_to(path, output, options, parts)
  local from = source.open_whole(path)
  check_output(path, output, parts, options.force)
  target.locked_file(output, function()
    -- Another export may have been written in between.
    check_output(path, output, parts, options.force)
    write(from, path, output, options, parts)
  end)
end

-- The items of the embeddings that a cache was made from.
local function items_of(path, what, embeddings)
  local difference = identity.difference(what, identity.of(embeddings, what))
  if difference then fail("%s was made from something else than %s: %s", path, embeddings.path, difference) end
  local items = new_items(embeddings)
  items:require_distinct_ids()
  return items
end

-- A float32 in as many digits as tell it apart.
local function similarity_text(pointer, k)
  return ("%.9g"):format(ffi.cast("const float *", pointer)[k])
end

-- What stands for each item in JSON, as a member's name and as a value: its index, or its id as a string.
local function texts_of_items(n, items)
  local names, values = {}, {}
  for index = 0, n - 1 do
    local value = items and json.encode(items:name(index)) or ("%.0f"):format(index)
    names[index], values[index] = items and value or ('"%s"'):format(value), value
  end
  return names, values
end

--- Exports as JSON: `{"metadata": {..}, "sequences": {"0": [0, ..], "1": [1, ..], ..}}`; nearest
-- neighbours as "neighbors" instead of "sequences".
-- @tparam string path the cache
-- @tparam string output the file to write, complete or not at all: see @{vk_compute.cache.target}
-- @tparam[opt] table options `stop`: function () -> how often the user has asked to stop; `report`: function (done,
-- total), told how many rows are written; `force`: replace a file of any kind; `embeddings`: as from
-- embedding_file.read, those that the cache was made from: then ids of these stand for the items, as strings
function export.json(path, output, options)
  options = options or {}
  local names, values, value_of, list, length = nil, nil, nil, {}, nil
  local function put_text(put, text) put(text, #text) end
  export_to(path, output, options, {
    example = "diversity.json", is_earlier = is_json,
    begin = function(put, what)
      length = what.length
      local is_float = kinds[what.kind].descr == "<f4"
      value_of = is_float and similarity_text or function(pointer, k) return values[pointer[k]] end
      names, values = texts_of_items(what.n, options.embeddings and items_of(path, what, options.embeddings))
      if what.queries then names = texts_of_items(what.queries) end
      local members = {}
      for k, member in ipairs(identity.members(what, LEFT_OUT)) do members[k] = ("%s: %s"):format(unpack(member)) end
      for _, name in ipairs(MEMBERS) do
        members[#members + 1] = ('"%s": %s'):format(name, json.encode(what[name]))
      end
      put_text(put, ('{"metadata": {%s},\n"%s": {'):format(table.concat(members, ", "),
        kinds[what.kind].member))
    end,
    each = function(put, row, pointer)
      for k = 1, length do list[k] = value_of(pointer, k - 1) end
      put_text(put, ('%s\n%s: [%s]'):format(row > 0 and "," or "", names[row], table.concat(list, ",")))
    end,
    finish = function(put) put_text(put, "\n}}\n") end,
  })
end

--- Exports as plain binary: uint32 n, then n rows of length uint32, all little-endian.
-- @tparam string path the cache
-- @tparam string output the file to write, complete or not at all: see @{vk_compute.cache.target}
-- @tparam[opt] table options `stop`, `report` and `force`, as for export.json
function export.binary(path, output, options)
  local row_bytes
  export_to(path, output, options or {}, {
    example = "diversity.bin", is_earlier = is_binary,
    begin = function(put, what)
      row_bytes = what.length * 4
      put(ffi.new("uint32_t[1]", identity.all_rows(what)), 4)
    end,
    each = function(put, _, pointer) put(pointer, row_bytes) end,
    finish = function() end,
  })
end

return export
