--- The bytes of a file of embeddings, wherever they lie: in a file, behind a pipe, in memory, in an archive.
--
-- A source has the fields `path` (its name in messages), `file` (the name of the file that holds it), `extension`,
-- `size` (nil where the end is not known yet) and `head`, its first bytes. `source:read(pointer, bytes, offset)`
-- gives how many there were: fewer than asked for only at the end. Of a source without a size, bytes behind the
-- head can be read once, in order. Where it `reads_anywhere`, several processes may read at once.
-- @module vk_compute.formats.byte_source

local ffi = require("ffi")
local clock = require("vk_compute.system.clock")
local files = require("vk_compute.system.files")
local new_float_list = require("vk_compute.formats.float_list")

local byte_source = {}

-- How much of the beginning tells the format: a line of text has some ten thousand bytes.
local HEAD = 65536
byte_source.HEAD = HEAD
-- Bytes taken from a pipe at a time.
local PIECE = 2 ^ 20

local function take_head(source)
  local buffer = ffi.new("uint8_t[?]", HEAD)
  source.head = ffi.string(buffer, source:read(buffer, HEAD, 0))
  return source
end

local function extension_of(path)
  return (path:match("%.([^./]+)$") or ""):lower()
end

--- The bytes of an open file.
-- @tparam number fd
-- @tparam string path
-- @tparam number size
function byte_source.of_file(fd, path, size)
  return take_head({
    path = path, file = path, extension = extension_of(path), size = size, reads_anywhere = true,
    read = function(_, pointer, bytes, offset) return files.read(fd, path, pointer, bytes, offset) end,
  })
end

--- Bytes that lie in memory.
-- @tparam table of the source that they come from: its names
-- @tparam cdata memory
-- @tparam number size
function byte_source.of_memory(of, memory, size)
  local first = ffi.cast("const char *", memory)
  return take_head({
    path = of.path, file = of.file, extension = of.extension, size = size, memory = memory,
    read = function(_, pointer, bytes, offset)
      local count = math.max(0, math.min(bytes, size - offset))
      ffi.copy(pointer, first + offset, count)
      return count
    end,
  })
end

--- Bytes that come one after another.
-- @tparam table names `path`, `file`, `extension`; `size`, where it is known
-- @tparam function pull (pointer, bytes): gives the next ones, fewer only at the end, and says how many
function byte_source.in_order(names, pull)
  local source = { path = names.path, file = names.file, extension = names.extension, size = names.size }
  local place, head = 0, nil

  local function skip_to(offset)
    if place > offset then error("bytes of " .. names.path .. " were read out of order") end
    local scratch = offset > place and ffi.new("uint8_t[?]", HEAD)
    while place < offset do
      local count = pull(scratch, math.min(HEAD, offset - place))
      if count == 0 then return false end
      place = place + count
    end
    return true
  end

  function source.read(_, pointer, bytes, offset)
    pointer = ffi.cast("char *", pointer)
    local got = 0
    if head and offset < #head then
      got = math.min(bytes, #head - offset)
      ffi.copy(pointer, ffi.cast("const char *", head) + offset, got)
    end
    if got == bytes or not skip_to(offset + got) then return got end
    local count = pull(pointer + got, bytes - got)
    place = place + count
    return got + count
  end

  take_head(source)
  head = source.head
  return source
end

--- What comes through a pipe.
-- @tparam number fd
-- @tparam string path
function byte_source.of_pipe(fd, path)
  return byte_source.in_order({ path = path, file = path, extension = extension_of(path) },
    function(pointer, bytes) return files.read_on(fd, path, pointer, bytes) end)
end

-- How often it is told how much is read: seconds.
local TELL_INTERVAL = 0.1

--- The same source, which tells how much of it is read.
-- @tparam table source
-- @tparam function progress (done, total), in bytes: called several times a second; total is nil where it is not known
-- @treturn table a byte source with, as fields, `untold`, the first one, and `progress`, a function (done)
function byte_source.telling(source, progress)
  local most, told_at = 0, clock.monotonic()
  local function tell(done)
    most = math.max(most, done)
    local now = clock.monotonic()
    if now - told_at < TELL_INTERVAL then return end
    told_at = now
    progress(most, source.size)
  end
  return setmetatable({
    untold = source, progress = tell,
    read = function(_, pointer, bytes, offset)
      local count = source:read(pointer, bytes, offset)
      tell(offset + count)
      return count
    end,
  }, { __index = source })
end

--- All of a source without a size, in memory.
function byte_source.whole(source)
  local list, size = new_float_list(source.path), 0
  while true do
    list:grow((size + PIECE) / 4)
    local count = source:read(ffi.cast("char *", list.data) + size, PIECE, size)
    size = size + count
    if count < PIECE then return byte_source.of_memory(source, list:finish(math.ceil(size / 4)), size) end
  end
end

return byte_source
