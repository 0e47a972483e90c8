--- Writes a finished cache in other forms: row by row, each compared with its checksum on the way.
-- @module vk_compute.cache.export

local ffi = require("ffi")
local cjson = require("cjson")
local fail = require("vk_compute.fail")
local files = require("vk_compute.files")
local kinds = require("vk_compute.cache.kinds")
local layout = require("vk_compute.cache.layout")
local rows = require("vk_compute.cache.rows")
local source = require("vk_compute.cache.source")
local xxhash = require("vk_compute.xxhash")

local export = {}

local METADATA_MEMBERS = {
  "n", "d", "length", "centered", "definition_version", "fingerprint", "device", "library_version",
  "date",
}

-- Raises where the output would take the place of one of the cache's own files.
local function check_output(path, output)
  local target = files.stat(output)
  if not target then return end
  for _, own in pairs(layout.paths(path)) do
    local info = files.stat(own)
    if info and info.st_dev == target.st_dev and info.st_ino == target.st_ino then
      fail("%s belongs to the cache %s: name another file to write", output, path)
    end
  end
end

-- Calls begin(put, what), each(put, row, pointer), finish(put): put(data, bytes) appends to the output.
local function write(path, output, stop, parts)
  check_output(path, output)
  local from = source.open(path)
  if not from.finished then
    fail("%s is not finished: %.0f of %.0f rows are done", path, from.done, from.what.n)
  end
  files.replace_with(output, function(put)
    parts.begin(put, from.what)
    rows.each(from.file, from.place, from.what.n, function(row, pointer)
      if xxhash.hex64(pointer, from.place.row_bytes) ~= from.checksum_of(row) then
        fail("row %.0f of %s is damaged: verify and repair it (--verify --repair)", row, path)
      end
      parts.each(put, row, pointer)
    end, function()
      if stop and stop() > 0 then fail("stopped: %s was not written", output) end
    end)
    parts.finish(put)
  end)
end

--- Exports as JSON: `{"metadata": {..}, "sequences": {"0": [0, ..], "1": [1, ..], ..}}`; nearest
-- neighbours as "neighbors" instead of "sequences".
-- @tparam string path the cache
-- @tparam string output the file to write; a file that is there is replaced when all is written
-- @tparam[opt] function stop () -> how often the user has asked to stop
function export.json(path, output, stop)
  local text_of, list, length = {}, {}, nil
  local function put_text(put, text) put(text, #text) end
  write(path, output, stop, {
    begin = function(put, what)
      length = what.length
      for id = 0, what.n - 1 do text_of[id] = ("%.0f"):format(id) end
      local members = {}
      for k, name in ipairs(METADATA_MEMBERS) do
        members[k] = ('"%s": %s'):format(name, cjson.encode(what[name]))
      end
      put_text(put, ('{"metadata": {%s},\n"%s": {'):format(table.concat(members, ", "),
        kinds[what.kind].member))
    end,
    each = function(put, row, pointer)
      for k = 1, length do list[k] = text_of[pointer[k - 1]] end
      put_text(put, ('%s\n"%.0f": [%s]'):format(row > 0 and "," or "", row, table.concat(list, ",")))
    end,
    finish = function(put) put_text(put, "\n}}\n") end,
  })
end

--- Exports as plain binary: uint32 n, then n rows of length uint32, all little-endian.
-- @tparam string path the cache
-- @tparam string output the file to write; a file that is there is replaced when all is written
-- @tparam[opt] function stop () -> how often the user has asked to stop
function export.binary(path, output, stop)
  local row_bytes
  write(path, output, stop, {
    begin = function(put, what)
      row_bytes = what.length * 4
      put(ffi.new("uint32_t[1]", what.n), 4)
    end,
    each = function(put, _, pointer) put(pointer, row_bytes) end,
    finish = function() end,
  })
end

return export
