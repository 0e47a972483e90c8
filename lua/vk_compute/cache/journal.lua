--- NAME.journal: which rows of NAME.partial are on disk.
--
-- Text, a line a record: 16 hexadecimal digits, a space, a JSON object, a line feed. The digits are
-- the XXH3-64 of the JSON text; in all lines but the first, of the fingerprint and the JSON text, so
-- that a record counts for nothing but the input it was written for; of a shard, with its name after the
-- fingerprint (identity.key). Records:
--
-- - the first line: `journal` (the format's version, 2 of shards) and the identity of the cache (identity.lua)
-- - `{"run":{"pid":..,"device":..,"library_version":..},"time":..}`: a writer begins to compute
-- - `{"rows":[[first,count],..],"checksums":"..","time":..}`: these rows are on disk; 16 digits of
--   XXH3-64 for each row, in order. `time` is in seconds since 1970.
--
-- A record is appended after its rows have been brought to disk, and brought to disk itself. So what
-- a stop at any moment can leave is a torn last line; that, and any line whose checksum does not
-- fit, is not believed, and its rows are computed again.
-- @module vk_compute.cache.journal

local json = require("vk_compute.system.json")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local identity = require("vk_compute.cache.identity")
local xxhash = require("vk_compute.system.xxhash")

local journal = {}

local function line_of(text, key)
  local signed = key .. text
  return ("%s %s\n"):format(xxhash.hex64(signed, #signed), text)
end

-- The object of a line without its line feed, or nil where the checksum does not fit or it is no object.
local function object_of(line, key)
  local text = line:sub(18)
  if line_of(text, key) ~= line .. "\n" then return nil end
  local ok, object = pcall(json.decode, text)
  return ok and type(object) == "table" and object or nil
end

local function header_line(what)
  local members = identity.members(what, {})
  for k, member in ipairs(members) do members[k] = ("%s:%s"):format(unpack(member)) end
  return line_of(('{"journal":%d,%s}'):format(identity.version(what), table.concat(members, ",")), "")
end

local function rows_line(what, rows, checksum_of, time)
  local ranges, checksums = {}, {}
  for k, row in ipairs(rows) do
    checksums[k] = checksum_of(row)
    local last = ranges[#ranges]
    if last and last[1] + last[2] == row then
      last[2] = last[2] + 1
    else
      ranges[#ranges + 1] = { row, 1 }
    end
  end
  for k, range in ipairs(ranges) do ranges[k] = ("[%.0f,%.0f]"):format(range[1], range[2]) end
  return line_of(('{"rows":[%s],"checksums":"%s","time":%.3f}'):format(table.concat(ranges, ","),
    table.concat(checksums), time), identity.key(what))
end

-- A checksum is no proof against those who make one themselves, so what a record says is looked at, too.
local function is_rows(record, what)
  if type(record.rows) ~= "table" or type(record.checksums) ~= "string" then return false end
  local begin, most = identity.rows(what)
  local count = 0
  for _, range in ipairs(record.rows) do
    local first, number = unpack(type(range) == "table" and range or {})
    if type(first) ~= "number" or type(number) ~= "number" or first % 1 ~= 0 or number % 1 ~= 0 or first < begin
      or number < 1 or first + number > begin + most then
      return false
    end
    count = count + number
  end
  return 16 * count == #record.checksums and not record.checksums:find("%X")
end

local function is_run(run)
  return type(run) == "table" and type(run.device) == "string"
end

local function add_rows(state, record)
  local place = 1
  for _, range in ipairs(record.rows) do
    for row = range[1], range[1] + range[2] - 1 do
      if not state.checksums[row] then state.done = state.done + 1 end
      state.checksums[row] = record.checksums:sub(place, place + 15)
      place = place + 16
    end
  end
end

-- Adds a record to the state. False where it is neither of rows nor of a run.
local function add_record(state, record)
  if type(record.time) ~= "number" then return false end
  if is_rows(record, state.what) then
    add_rows(state, record)
    state.samples[#state.samples + 1] = { time = record.time, done = state.done }
  elseif is_run(record.run) then
    state.run = record.run
    state.samples = { { time = record.time, done = state.done } }
  else
    return false
  end
  return true
end

-- Gives the lines of a text one after the other, without a last one that has no end.
local function lines_of(text)
  local first = 1
  return function()
    local feed = text:find("\n", first, true)
    if not feed then return nil end
    local line = text:sub(first, feed - 1)
    first = feed + 1
    return line
  end
end

local function read_header(state, line, expected)
  local header = object_of(line, "")
  if header and header.journal ~= identity.version(header) then
    fail("%s has format version %s, which is not known here", state.path, tostring(header.journal))
  end
  if header and identity.complete(header) then
    state.what = header
  else
    state.damaged_lines = 1
    state.header_damaged = true
    state.what = expected
  end
end

--- Reads a journal, which a writer may be appending to.
-- @tparam string path
-- @tparam[opt] table expected an identity, to be tried where the first line is damaged: records that
-- were written for it show it
-- @treturn table nil where there is no journal, else
--
-- - `what`: the identity, or nil where the first line is damaged and nothing shows it
-- - `checksums`: row -> XXH3-64 of the row, for rows on disk; `done`: their number
-- - `run`: the last run's record; `samples`: `{time=, done=}` of its progress
-- - `lines`: complete ones after the first; `damaged_lines`: those that cannot be believed
-- - `torn`: whether the last line is incomplete; `header_damaged`; `bytes`: the file's length
function journal.read(path, expected)
  local text = files.contents(path)
  if not text then return nil end
  local state = {
    path = path, checksums = {}, done = 0, samples = {}, lines = 0, damaged_lines = 0, bytes = #text,
    torn = text:sub(-1) ~= "\n", header_damaged = false,
  }
  local next_line = lines_of(text)
  read_header(state, next_line() or "", expected)
  local believed = 0
  for line in next_line do
    state.lines = state.lines + 1
    local record = state.what and object_of(line, identity.key(state.what))
    if record and add_record(state, record) then
      believed = believed + 1
    else
      state.damaged_lines = state.damaged_lines + 1
    end
  end
  if state.header_damaged and believed == 0 then state.what = nil end
  return state
end

local Writer = {}
Writer.__index = Writer

--- Puts a journal at a path that holds these rows, in place of any other, and opens it.
-- @tparam string path
-- @tparam table what the identity
-- @tparam table checksums row -> XXH3-64, for rows that are on disk
-- @treturn Writer
function journal.create(path, what, checksums)
  local rows = {}
  local first, count = identity.rows(what)
  for row = first, first + count - 1 do
    if checksums[row] then rows[#rows + 1] = row end
  end
  local text = header_line(what)
  if rows[1] then
    text = text .. rows_line(what, rows, function(row) return checksums[row] end, os.time())
  end
  files.replace(path, text)
  return journal.append_to(path, what, #text)
end

--- Opens a journal that journal.read found to be in order.
-- @tparam string path
-- @tparam table what the identity
-- @tparam number bytes the file's length
-- @treturn Writer
function journal.append_to(path, what, bytes)
  return setmetatable({ fd = files.open(path, "write"), path = path, what = what, bytes = bytes },
    Writer)
end

-- On failure the file is left as it was, as far as the system lets it.
local function append(self, line)
  local ok, message = pcall(function()
    files.write(self.fd, self.path, line, #line, self.bytes)
    files.sync(self.fd, self.path)
  end)
  if not ok then
    pcall(files.resize, self.fd, self.path, self.bytes)
    error(message, 0)
  end
  self.bytes = self.bytes + #line
end

--- Records that a run begins to compute.
-- @tparam table run `pid`, `device`, `library_version`
-- @tparam number time in seconds since 1970
function Writer:begin_run(run, time)
  append(self, line_of(('{"run":%s,"time":%.3f}'):format(json.encode(run), time),
    identity.key(self.what)))
end

--- Records rows that are on disk.
-- @tparam {number,...} rows
-- @tparam function checksum_of row -> XXH3-64 in hexadecimal
-- @tparam number time in seconds since 1970
function Writer:add_rows(rows, checksum_of, time)
  append(self, rows_line(self.what, rows, checksum_of, time))
end

function Writer:close()
  files.close(self.fd)
end

return journal
