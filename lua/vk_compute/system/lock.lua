--- One writer of a cache at a time.
--
-- The lock is a POSIX record lock, which the system drops when the process ends, however it ends:
-- a file left behind by a dead process locks nothing. Its holder's process id comes from the system
-- too. The id written in the file serves to notice that the file was replaced in between.
--
-- A process loses such a lock when it closes any descriptor of the file: hence no other part opens
-- a lock file.
-- @module vk_compute.system.lock

local ffi = require("ffi")
local errno = require("posix.errno")
local fcntl = require("posix.fcntl")
local unistd = require("posix.unistd")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")

local lock = {}

-- Lock files that this process holds: path -> true.
local held_here = {}

local function whole_file()
  return { l_type = fcntl.F_WRLCK, l_whence = 0, l_start = 0, l_len = 0 }
end

--- The process id of the writer, or nil where there is none. 0 stands for a process that cannot be
-- seen from here (in another container).
-- @tparam string path of the lock file
function lock.holder(path)
  if held_here[path] then return unistd.getpid() end
  local opened, fd = pcall(files.open, path, "read")
  if not opened then return nil end
  local query = whole_file()
  local ok = fcntl.fcntl(fd, fcntl.F_GETLK, query)
  files.close(fd)
  if ok and query.l_type ~= fcntl.F_UNLCK then return query.l_pid end
end

local function has_contents(fd, path, expected)
  local buffer = ffi.new("char[?]", #expected + 1)
  return ffi.string(buffer, files.read(fd, path, buffer, #expected + 1, 0)) == expected
end

-- Returns the open descriptors, or nil and the holder's id, or nil where it is worth another try.
local function try(path)
  local fds = { files.open(path, "create") }
  local function close()
    for _, fd in ipairs(fds) do files.close(fd) end
  end
  local locked, problem, number = fcntl.fcntl(fds[1], fcntl.F_SETLK, whole_file())
  if not locked then
    close()
    if number ~= errno.EAGAIN and number ~= errno.EACCES then
      fail("cannot lock %s: %s. Put the cache on a file system that has locks", path, problem)
    end
    return nil, lock.holder(path)
  end
  local own_id = ("%d\n"):format(unistd.getpid())
  local ok, is_own = pcall(function()
    files.resize(fds[1], path, 0)
    files.write(fds[1], path, own_id, #own_id, 0)
    -- An earlier holder may have removed the file after it was opened here: then another writer
    -- locks another file of this name.
    local fd, message, code = fcntl.open(path, fcntl.O_RDONLY + fcntl.O_CLOEXEC)
    if not fd and code == errno.ENOENT then return false end
    if not fd then fail("cannot open %s", message) end
    fds[2] = fd
    return has_contents(fd, path, own_id)
  end)
  if ok and is_own then return fds end
  close()
  if not ok then error(is_own, 0) end
end

--- Whether a file is one of a lock: it holds a process id.
function lock.begins(path)
  return held_here[path] or files.head(path, 32):find("^%d*\n?$") ~= nil
end

--- Takes the lock, and makes its file, in place of any that lies there: see @{vk_compute.cache.target}.
-- @tparam string path of the lock file
-- @treturn table to be given to lock.release; or nil and the holder's process id
function lock.acquire(path)
  if held_here[path] then return nil, unistd.getpid() end
  while true do
    local fds, pid = try(path)
    if fds then
      held_here[path] = true
      return { fds = fds, path = path }
    end
    if pid then return nil, pid end
  end
end

--- Gives the lock back and removes its file.
function lock.release(held)
  pcall(files.remove, held.path)
  for _, fd in ipairs(held.fds) do files.close(fd) end
  held_here[held.path] = nil
end

return lock
