--- Files whose contents must be on disk when a function returns. Every failure is raised, with the
-- file's name and the system's reason.
-- @module vk_compute.system.files

local ffi = require("ffi")
local bit = require("bit")
local dirent = require("posix.dirent")
local errno = require("posix.errno")
local fcntl = require("posix.fcntl")
local stat = require("posix.sys.stat")
local unistd = require("posix.unistd")
local fail = require("vk_compute.system.fail")
local C = require("vk_compute.system.libc")

local PROT_READ, PROT_WRITE = 1, 2
local MAP_SHARED, MAP_PRIVATE, MAP_FIXED, MAP_ANONYMOUS, MAP_NORESERVE = 0x01, 0x02, 0x10, 0x20, 0x4000
local MADV_HUGEPAGE = 14
local LEAST_FOR_LARGE_PAGES = 16 * 1024 * 1024  -- bytes
local SHARED_PIECE = 64 * 1024 * 1024  -- bytes
local PERMISSIONS = tonumber("777", 8)
-- What LuaJIT can hold in a string, about.
local MAX_CONTENTS = 2 ^ 31 - 2 ^ 20
-- lua-posix does not name it; on ARM and POWER it is another bit.
local O_NOFOLLOW = jit.arch:find("^[ap]") and 2 ^ 15 or 2 ^ 17
local FILE_MODE = tonumber("644", 8)

local files = {}

local function reason(number)
  return (errno.errno(number))
end

--- The directory a path is in.
function files.directory(path)
  local directory = path:match("^(.*)/[^/]*$")
  if not directory then return "." end
  return directory == "" and "/" or directory
end

local function info_or_nil(info, message, number)
  if info then return info end
  if number == errno.ENOENT then return nil end
  fail("%s", message)
end

--- What lies at a path: the fields st_size, st_dev, st_ino, st_mode, st_uid and st_mtime, or nil where
-- there is nothing.
function files.stat(path)
  return info_or_nil(stat.stat(path))
end

--- The same of a link itself, not of what it leads to.
function files.link_stat(path)
  return info_or_nil(stat.lstat(path))
end

--- Whether two paths are names of one file that is there.
function files.is_same(path, other)
  local one, two = files.stat(path), files.stat(other)
  return one ~= nil and two ~= nil and one.st_dev == two.st_dev and one.st_ino == two.st_ino
end

--- Whether a path is a directory.
function files.is_directory(path)
  local info = files.stat(path)
  return info ~= nil and stat.S_ISDIR(info.st_mode) ~= 0
end

--- Whether a path is an ordinary file, by what files.stat gave.
function files.is_regular(info)
  return stat.S_ISREG(info.st_mode) ~= 0
end

--- What a path names, in words, by what files.link_stat gave: "a link", "a directory", "a file".
function files.type_name(info)
  for _, case in ipairs({
    { stat.S_ISREG, "a file" }, { stat.S_ISDIR, "a directory" }, { stat.S_ISLNK, "a link" },
    { stat.S_ISFIFO, "a pipe" }, { stat.S_ISSOCK, "a socket" },
  }) do
    if case[1](info.st_mode) ~= 0 then return case[2] end
  end
  return "a device"
end

--- Raises where no file can be made in a directory.
function files.check_writable(directory)
  local ok, _, number = unistd.access(directory, "wx")
  if not ok then fail("cannot write in %s: %s", directory, reason(number)) end
end

local HOW = {
  read = fcntl.O_RDONLY,
  wait = fcntl.O_RDONLY,
  write = fcntl.O_RDWR + O_NOFOLLOW,
  create = fcntl.O_RDWR + O_NOFOLLOW + fcntl.O_CREAT,
  new = fcntl.O_RDWR + O_NOFOLLOW + fcntl.O_CREAT + fcntl.O_EXCL,
}

--- Opens a file.
-- @tparam string path
-- @tparam string how "read", "wait" (read, a pipe: waits for what writes into it), "write" (an existing file),
-- "create" (write; made where missing) or "new" (write; must be missing). Where it may be written, it must not be a
-- link
-- @treturn number file descriptor
function files.open(path, how)
  -- Not waiting: a pipe that lies where a file is looked for would be waited for without end.
  local flags = fcntl.O_CLOEXEC + (how == "wait" and 0 or fcntl.O_NONBLOCK) + HOW[how]
  local fd, message = fcntl.open(path, flags, FILE_MODE)
  if not fd then fail("cannot open %s", message) end
  return fd
end

files.close = unistd.close

--- Opens a file, calls use(fd), and closes it, whatever happens.
-- @tparam string path
-- @tparam string how as for files.open
-- @tparam function use
-- @return what use returns
function files.with(path, how, use)
  local fd = files.open(path, how)
  local ok, result = pcall(use, fd)
  files.close(fd)
  if not ok then error(result, 0) end
  return result
end

--- The first bytes of a file.
function files.head(path, bytes)
  local buffer = ffi.new("char[?]", bytes)
  local got = files.with(path, "read", function(fd) return files.read(fd, path, buffer, bytes, 0) end)
  return ffi.string(buffer, got)
end

--- The same; nil where there is no file, or no more. Raises where one cannot be read.
function files.head_if_there(path, bytes)
  local ok, head = pcall(files.head, path, bytes)
  if ok then return head end
  if files.stat(path) then error(head, 0) end
end

--- Writes bytes at an offset, all of them.
-- @tparam number fd
-- @tparam string path for the error message
-- @param data a string or a pointer
-- @tparam number bytes
-- @tparam number offset
function files.write(fd, path, data, bytes, offset)
  local pointer = ffi.cast("const char *", data)
  local written = 0
  while written < bytes do
    local count = tonumber(C.pwrite(fd, pointer + written, bytes - written, offset + written))
    if count < 0 then
      local number = ffi.errno()
      if number ~= errno.EINTR then fail("cannot write to %s: %s", path, reason(number)) end
    else
      written = written + count
    end
  end
end

-- Reads until there are so many bytes, or no more. read: function (pointer, bytes, got) that calls the system.
local function read_all(path, pointer, bytes, read)
  pointer = ffi.cast("char *", pointer)
  local got = 0
  while got < bytes do
    local count = tonumber(read(pointer + got, bytes - got, got))
    if count < 0 then
      local number = ffi.errno()
      if number ~= errno.EINTR then fail("cannot read %s: %s", path, reason(number)) end
    elseif count == 0 then
      break
    else
      got = got + count
    end
  end
  return got
end

--- Reads bytes at an offset into memory.
-- @treturn number how many there were: fewer than asked for only at the end of the file
function files.read(fd, path, pointer, bytes, offset)
  return read_all(path, pointer, bytes, function(to, count, got) return C.pread(fd, to, count, offset + got) end)
end

--- Reads the next bytes of a pipe.
-- @treturn number how many there were: fewer than asked for only at the end
function files.read_on(fd, path, pointer, bytes)
  return read_all(path, pointer, bytes, function(to, count) return C.read(fd, to, count) end)
end

--- A whole file as a string, or nil where there is no such file.
function files.contents(path)
  local info = files.stat(path)
  if not info then return nil end
  if not files.is_regular(info) then fail("%s is %s, not a file", path, files.type_name(info)) end
  if info.st_size > MAX_CONTENTS then
    fail("%s is %.0f bytes long, and at most %.0f can be read: it is not what its name says", path, info.st_size,
      MAX_CONTENTS)
  end
  return files.head(path, info.st_size)
end

--- Waits until what was written to a file is on disk.
function files.sync(fd, path)
  local ok, message = unistd.fdatasync(fd)
  if not ok then fail("cannot bring %s to disk: %s", path, message) end
end

--- Waits until the names in the directory of a path are on disk.
function files.sync_names(path)
  local directory = files.directory(path)
  files.with(directory, "read", function(fd)
    local ok, message = unistd.fsync(fd)
    if not ok then fail("cannot bring the directory %s to disk: %s", directory, message) end
  end)
end

--- Sets a file's length.
function files.resize(fd, path, bytes)
  if C.ftruncate(fd, bytes) ~= 0 then
    fail("cannot set the length of %s: %s", path, reason(ffi.errno()))
  end
end

--- Reserves disk space for a file of this length, so that writing it cannot run out of space.
function files.reserve(fd, path, bytes)
  local number = C.posix_fallocate(fd, 0, bytes)
  while number == errno.EINTR do
    number = C.posix_fallocate(fd, 0, bytes)
  end
  if number ~= 0 then
    fail("cannot reserve %.0f bytes for %s: %s", bytes, path, reason(number))
  end
end

--- Removes a file, where there is one.
function files.remove(path)
  local ok, message, number = unistd.unlink(path)
  if not ok and number ~= errno.ENOENT then fail("cannot remove %s", message) end
end

--- Gives a file another name, in place of a file that has that name.
function files.rename(from, to)
  local ok, message = os.rename(from, to)
  if not ok then fail("cannot rename %s to %s: %s", from, to, message) end
end

--- The permissions of a file that is to be at a path: those of the file there, else those of a new one.
function files.mode(path)
  local info = files.link_stat(path)
  if info and files.is_regular(info) then return bit.band(info.st_mode, PERMISSIONS) end
  local mask = stat.umask(0)
  stat.umask(mask)
  return bit.band(FILE_MODE, bit.bnot(mask))
end

--- Gives an open file permissions.
function files.set_mode(fd, path, mode)
  if C.fchmod(fd, mode) ~= 0 then fail("cannot set the permissions of %s: %s", path, reason(ffi.errno())) end
end

-- Files being written whole have names of their own, PATH.XXXXXX.new.
local SUFFIX = ".new"

--- Makes a new file, open for writing, for what is to be at a path.
-- @treturn number file descriptor
-- @treturn string its name
function files.open_temporary(path)
  local name = path .. ".XXXXXX" .. SUFFIX
  local buffer = ffi.new("char[?]", #name + 1, name)
  local fd = C.mkostemps(buffer, #SUFFIX, fcntl.O_CLOEXEC)
  if fd < 0 then fail("cannot make a file in %s: %s", files.directory(path), reason(ffi.errno())) end
  return fd, ffi.string(buffer)
end

--- Removes what processes that were killed left of files to be at a path. To be called where nobody writes one.
function files.remove_temporaries(path)
  local directory, name = files.directory(path), path:match("[^/]*$")
  for entry in dirent.files(directory) do
    if entry:sub(1, #name) == name and entry:sub(#name + 1):find("^%.%w%w%w%w%w%w%.new$") then
      local left = directory .. "/" .. entry
      local info = files.link_stat(left)
      if info and files.is_regular(info) and info.st_uid == unistd.geteuid() then files.remove(left) end
    end
  end
end

--- Puts a file at a path: complete and on disk, or not at all. Whatever was there is lost, but for its permissions:
-- whether it may be is for @{vk_compute.cache.target} to tell.
-- @tparam string path
-- @tparam function fill (put): writes the file by calling put(data, bytes), data a string or a pointer
-- @tparam[opt] number length the file's, to reserve the space before fill is called
function files.replace_with(path, fill, length)
  local fd, temporary = files.open_temporary(path)
  local offset = 0
  local function put(data, bytes)
    files.write(fd, temporary, data, bytes, offset)
    offset = offset + bytes
  end
  local ok, message = pcall(function()
    files.set_mode(fd, temporary, files.mode(path))
    if length then files.reserve(fd, temporary, length) end
    fill(put)
    files.sync(fd, temporary)
    files.rename(temporary, path)
  end)
  files.close(fd)
  if not ok then
    pcall(files.remove, temporary)
    error(message, 0)
  end
  files.sync_names(path)
end

--- Puts text at a path: complete and on disk, or not at all.
function files.replace(path, text)
  files.replace_with(path, function(put) put(text, #text) end)
end

local function map_at(address, bytes, protection, flags, fd, what)
  address = C.mmap(address, bytes, protection, flags, fd, 0)
  if ffi.cast("intptr_t", address) == -1 then
    fail("cannot map %.0f bytes of %s: %s", bytes, what, reason(ffi.errno()))
  end
  return address
end

local function map(bytes, protection, flags, fd, what)
  local address = map_at(nil, bytes, protection, flags, fd, what)
  return ffi.gc(address, function(pointer) C.munmap(pointer, bytes) end)
end

--- Maps the first bytes of a file for reading, without a copy. The file must be that long.
-- @treturn cdata `void*`; unmapped by files.unmap or when it is collected
function files.map(path, bytes)
  return files.with(path, "read", function(fd) return map(bytes, PROT_READ, MAP_SHARED, fd, path) end)
end

--- Memory of any size, zero at first, that takes up room only where it is touched.
-- @tparam number bytes
-- @tparam boolean shared whether a process forked from this one shares it
-- @treturn cdata `void*`; unmapped by files.unmap or when it is collected
function files.memory(bytes, shared)
  local flags = MAP_ANONYMOUS + MAP_NORESERVE + (shared and MAP_SHARED or MAP_PRIVATE)
  local memory = map(bytes, PROT_READ + PROT_WRITE, flags, -1, "memory")
  -- In pieces: where several processes fill it, the system would have them wait for each other at every page of one.
  for offset = SHARED_PIECE, shared and bytes - 1 or 0, SHARED_PIECE do
    map_at(ffi.cast("char *", memory) + offset, math.min(SHARED_PIECE, bytes - offset), PROT_READ + PROT_WRITE,
      flags + MAP_FIXED, -1, "memory")
  end
  -- To get much memory page by page takes longer than to read a file into it. Systems may refuse.
  if not shared and bytes >= LEAST_FOR_LARGE_PAGES then C.madvise(memory, bytes, MADV_HUGEPAGE) end
  return memory
end

--- Unmaps now.
function files.unmap(address, bytes)
  C.munmap(ffi.gc(address, nil), bytes)
end

return files
