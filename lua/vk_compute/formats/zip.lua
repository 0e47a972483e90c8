--- Zip archives, as far as numpy.savez needs them: members that are stored or deflated, of any size.
-- @module vk_compute.formats.zip

local ffi = require("ffi")
local bit = require("bit")
local byte_source = require("vk_compute.formats.byte_source")
local fail = require("vk_compute.system.fail")
local zlib = require("vk_compute.system.zlib")

local zip = {}

local LOCAL, CENTRAL, END, END_64, LOCATOR_64 = "PK\3\4", "PK\1\2", "PK\5\6", "PK\6\6", "PK\6\7"
local END_BYTES, LONGEST_COMMENT = 22, 65535
-- As much of a directory is read: some hundred thousand members.
local MOST_DIRECTORY = 2 ^ 25
local STORED, DEFLATED = 0, 8
local ENCRYPTED = 1
local UNKNOWN = 2 ^ 32 - 1

local function number_at(text, place, bytes)
  local value = 0
  for k = place + bytes - 1, place, -1 do value = 256 * value + text:byte(k) end
  return value
end

local function text_at(file, place, bytes)
  if place < 0 or place + bytes > file.size then return "" end
  local buffer = ffi.new("uint8_t[?]", math.max(1, bytes))
  return ffi.string(buffer, file:read(buffer, bytes, place))
end

local function refuse(file, problem)
  fail("%s is a zip archive that is damaged or cut off: %s. Copy it, or write it with numpy.savez, anew", file.path,
    problem)
end

--- Whether a file begins like an archive that has something in it.
function zip.begins(bytes)
  return bytes:sub(1, #LOCAL) == LOCAL
end

-- Where the directory is: its place, its bytes.
local function directory_of(file)
  local first = math.max(0, file.size - END_BYTES - LONGEST_COMMENT)
  local tail = text_at(file, first, file.size - first)
  local place
  for at = #tail - END_BYTES + 1, 1, -1 do
    if tail:sub(at, at + 3) == END and at + END_BYTES - 1 + number_at(tail, at + 20, 2) == #tail then
      place = at
      break
    end
  end
  if not place then refuse(file, "there is no directory at its end") end
  local bytes, offset = number_at(tail, place + 12, 4), number_at(tail, place + 16, 4)
  local locator = text_at(file, first + place - 1 - 20, 20)
  if (offset == UNKNOWN or bytes == UNKNOWN) and locator:sub(1, 4) == LOCATOR_64 then
    local record = text_at(file, number_at(locator, 9, 8), 56)
    if #record < 56 or record:sub(1, 4) ~= END_64 then refuse(file, "there is no directory where it should be") end
    bytes, offset = number_at(record, 41, 8), number_at(record, 49, 8)
  end
  if bytes > MOST_DIRECTORY then refuse(file, "its directory is too long") end
  return offset, bytes
end

-- Sizes and places of 2^32 and more are in a field of their own.
local function take_zip64(member, extra)
  local at = 1
  while at + 3 <= #extra do
    local bytes = number_at(extra, at + 2, 2)
    if number_at(extra, at, 2) == 1 then
      local field = at + 4
      for _, name in ipairs({ "size", "packed", "offset" }) do
        if member[name] == UNKNOWN and field + 7 <= math.min(#extra, at + 3 + bytes) then
          member[name] = number_at(extra, field, 8)
          field = field + 8
        end
      end
    end
    at = at + 4 + bytes
  end
end

--- The members of an archive.
-- @tparam table file a byte source with a size
-- @treturn {table,...} with `name`, `size` and what open needs
function zip.members(file)
  local offset, bytes = directory_of(file)
  local directory = text_at(file, offset, bytes)
  if #directory < bytes then refuse(file, "its directory is not there") end
  local members, at = {}, 1
  while at <= #directory do
    if at + 45 > #directory or directory:sub(at, at + 3) ~= CENTRAL then refuse(file, "its directory is garbled") end
    local name_bytes, extra_bytes = number_at(directory, at + 28, 2), number_at(directory, at + 30, 2)
    local member = {
      flags = number_at(directory, at + 8, 2), method = number_at(directory, at + 10, 2),
      crc = number_at(directory, at + 16, 4), packed = number_at(directory, at + 20, 4),
      size = number_at(directory, at + 24, 4), offset = number_at(directory, at + 42, 4),
      name = directory:sub(at + 46, at + 45 + name_bytes),
    }
    take_zip64(member, directory:sub(at + 46 + name_bytes, at + 45 + name_bytes + extra_bytes))
    members[#members + 1] = member
    at = at + 46 + name_bytes + extra_bytes + number_at(directory, at + 32, 2)
  end
  return members
end

-- Gives the bytes of a member as they lie in the file, one after another.
local function packed_bytes(file, member)
  local header = text_at(file, member.offset, 30)
  if #header < 30 or header:sub(1, 4) ~= LOCAL then refuse(file, member.name .. " is not where it should be") end
  local first = member.offset + 30 + number_at(header, 27, 2) + number_at(header, 29, 2)
  if first + member.packed > file.size then refuse(file, member.name .. " does not end in it") end
  local place = 0
  return function(pointer, bytes)
    local count = file:read(pointer, math.min(bytes, member.packed - place), first + place)
    place = place + count
    return count
  end
end

--- Whether a member can be opened; else why not.
function zip.can_open(member)
  if bit.band(member.flags, ENCRYPTED) ~= 0 then return false, "is encrypted" end
  if member.method ~= STORED and member.method ~= DEFLATED then return false, "is compressed in another way" end
  return true
end

--- A member's contents, to be read once in order. Its checksum is compared where it ends.
-- @tparam table file the archive
-- @tparam table member that can be opened
-- @treturn table a byte source
function zip.open(file, member)
  local pull = packed_bytes(file, member)
  if member.method == DEFLATED then pull = zlib.inflater(pull) end
  local crc, place = 0, 0
  return byte_source.in_order({
    path = ("%s, in it %s"):format(file.path, member.name), file = file.file, extension = "", size = member.size,
  }, function(pointer, bytes)
    local wanted = math.min(bytes, member.size - place)
    local count, problem = pull(pointer, wanted)
    if not count then refuse(file, ("%s cannot be unpacked, %s"):format(member.name, problem)) end
    place = place + count
    crc = zlib.crc32(crc, pointer, count)
    if count < wanted then refuse(file, member.name .. " is shorter than the directory says") end
    if place == member.size and crc ~= member.crc then refuse(file, member.name .. " has another checksum") end
    return count
  end)
end

return zip
