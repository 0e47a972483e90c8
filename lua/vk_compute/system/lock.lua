--- One writer of a file at a time.
--
-- The lock is a POSIX record lock, which the system drops when the process ends, however it ends: a file left behind
-- by a dead process locks nothing. The file holds who has the lock: process, host, and a number drawn for this
-- one time. An earlier holder may have removed the file after it was opened here, and another process may hold a new
-- file of that name: the number tells whether the name still leads to the file that was locked. Process ids do not,
-- since they are the same in several containers.
--
-- A process loses such a lock when it closes any descriptor of the file: hence no other part opens a lock file.
-- @module vk_compute.system.lock

local ffi = require("ffi")
local errno = require("posix.errno")
local fcntl = require("posix.fcntl")
local stdlib = require("posix.stdlib")
local unistd = require("posix.unistd")
local utsname = require("posix.sys.utsname")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local random = require("vk_compute.system.random")

local lock = {}

-- Lock files that this process holds: name -> true. A second lock of one file would be granted to the same process,
-- and lost with the first that is released, however the path of each is spelled.
local held_here = {}

-- What all paths of a file in one folder have in common.
local function name_of(path)
  local folder = files.directory(path)
  return (stdlib.realpath(folder) or folder) .. "/" .. path:match("[^/]*$")
end

local MOST_BYTES = 512

local function this_host()
  return (utsname.uname().nodename:gsub("[^%w._-]", "_"))
end

local function whole_file()
  return { l_type = fcntl.F_WRLCK, l_whence = 0, l_start = 0, l_len = 0 }
end

--- Who holds a lock.
-- @tparam string path of the lock file
-- @treturn table `pid`, 0 where the process cannot be seen from here; `host`, nil where it is this one. Nil where
-- nobody holds it
function lock.holder(path)
  if held_here[name_of(path)] then return { pid = unistd.getpid() } end
  local opened, fd = pcall(files.open, path, "read")
  if not opened then return nil end
  local query = whole_file()
  local ok = fcntl.fcntl(fd, fcntl.F_GETLK, query)
  local buffer = ffi.new("char[?]", MOST_BYTES)
  local read, got = pcall(files.read, fd, path, buffer, MOST_BYTES, 0)
  files.close(fd)
  if not ok or query.l_type == fcntl.F_UNLCK then return nil end
  local pid, host = (read and ffi.string(buffer, got) or ""):match("^(%d+) (%S+) ")
  if host and host ~= this_host() then return { pid = tonumber(pid), host = host } end
  return { pid = math.max(query.l_pid, 0) }
end

--- A holder in words: "process 12", "process 12 on HOST", "a process of another container".
function lock.name(holder)
  if holder.host then return ("process %d on %s"):format(holder.pid, holder.host) end
  return holder.pid == 0 and "a process of another container" or "process " .. holder.pid
end

local function has_contents(fd, path, expected)
  local buffer = ffi.new("char[?]", #expected + 1)
  return ffi.string(buffer, files.read(fd, path, buffer, #expected + 1, 0)) == expected
end

-- Returns the open descriptors, or nil and the holder, or nil where it is worth another try.
local function try(path)
  local fds = { files.open(path, "create") }
  local function close()
    for _, fd in ipairs(fds) do files.close(fd) end
  end
  local locked, problem, number = fcntl.fcntl(fds[1], fcntl.F_SETLK, whole_file())
  if not locked then
    close()
    if number ~= errno.EAGAIN and number ~= errno.EACCES then
      fail("cannot lock %s: %s. Name a file on a file system that has locks", path, problem)
    end
    return nil, lock.holder(path)
  end
  local own = ("%d %s %s\n"):format(unistd.getpid(), this_host(), random.hex(16))
  local ok, is_own = pcall(function()
    files.resize(fds[1], path, 0)
    files.write(fds[1], path, own, #own, 0)
    local fd, message, code = fcntl.open(path, fcntl.O_RDONLY + fcntl.O_CLOEXEC)
    if not fd and code == errno.ENOENT then return false end
    if not fd then fail("cannot open %s", message) end
    fds[2] = fd
    return has_contents(fd, path, own)
  end)
  if ok and is_own then return fds end
  if not ok and files.is_same("/proc/self/fd/" .. fds[1], path) then pcall(files.remove, path) end
  close()
  if not ok then error(is_own, 0) end
end

--- Whether a file is one of a lock, or is gone: it holds a process id, and what follows it. After a loss of power it
-- may hold zeros, and parts of what several processes wrote.
function lock.begins(path)
  if held_here[name_of(path)] then return true end
  local text = files.head_if_there(path, MOST_BYTES)
  if not text then return true end  -- its holder has removed it
  return #text < MOST_BYTES
    and (text:find("^%d*\n?$") or text:find("^%d+ [%w._ \n-]*$") or text:find("^[%w._ \n-]*%z[%w%z._ \n-]*$")) ~= nil
end

--- Takes the lock, and makes its file, in place of any that lies there: see @{vk_compute.cache.target}.
-- @tparam string path of the lock file
-- @treturn table to be given to lock.release; or nil and the holder, as from lock.holder
function lock.acquire(path)
  local name = name_of(path)
  while true do
    if held_here[name] then return nil, lock.holder(path) end
    local fds, holder = try(path)
    if fds then
      held_here[name] = true
      return { fds = fds, path = path, name = name }
    end
    if holder then return nil, holder end
  end
end

--- Gives the lock back and removes its file.
function lock.release(held)
  pcall(files.remove, held.path)
  for _, fd in ipairs(held.fds) do files.close(fd) end
  held_here[held.name] = nil
end

return lock
