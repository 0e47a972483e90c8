--- NAME.partial: the rows while they come.
-- @module vk_compute.cache.partial

local statvfs = require("posix.sys.statvfs")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local rows = require("vk_compute.cache.rows")

local partial = {}

local function reserve(fd, path, place)
  local ok, message = pcall(files.reserve, fd, path, place.file_bytes)
  if ok then return end
  local directory = files.directory(path)
  local info = statvfs.statvfs(directory)
  local free = info and info.f_bavail * info.f_frsize or 0
  if free > place.file_bytes then
    fail("%s, though so many are free in %s: its file system, a quota or ulimit -f has a limit. Name a cache file "
      .. "elsewhere, or raise that", message, directory)
  end
  fail("%s (%.0f bytes are free in %s): make room, or name a cache file elsewhere", message, free, directory)
end

--- Opens it, makes it where it is missing, and sees to its length and its header. That these are on disk is for
-- those who rely on it: rows are synced before they are listed, and the file before it gets its final name.
-- @tparam string path
-- @tparam table place as from layout.of
-- @tparam function notice (text), told what had to be corrected
-- @tparam number mode permissions of a new one
-- @treturn number file descriptor
function partial.open(path, place, notice, mode)
  local before = files.stat(path)
  local fd = files.open(path, before and "write" or "new")
  local ok, message = pcall(function()
    if not before then files.set_mode(fd, path, mode) end
    if before and before.st_size ~= place.file_bytes then
      notice(("%s is %.0f bytes long and should be %.0f: corrected"):format(path, before.st_size,
        place.file_bytes))
      if before.st_size > place.file_bytes then files.resize(fd, path, place.file_bytes) end
    end
    reserve(fd, path, place)
    files.write(fd, path, place.header, #place.header, 0)
  end)
  if not ok then
    files.close(fd)
    if not before then pcall(files.remove, path) end
    error(message, 0)
  end
  return fd
end

--- Removes from checksums the rows that the file does not hold as they should be.
-- @tparam Comparison comparison as from rows.comparison, of its rows with these checksums
-- @tparam table checksums row -> XXH3-64
-- @tparam function notice (text)
-- @tparam[opt] function report as for rows.each
-- @treturn number how many rows there were to remove
-- @treturn string XXH3-128 of all rows
function partial.drop_damaged(comparison, checksums, notice, report)
  local damaged, whole = comparison:finish(report)
  if damaged[1] then
    notice(("%s: rows %s do not fit their checksums and are computed again"):format(comparison.path,
      rows.list(damaged)))
  end
  for _, row in ipairs(damaged) do checksums[row] = nil end
  return #damaged, whole
end

return partial
