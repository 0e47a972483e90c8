--- Where a result may be written.
--
-- The rule is the same for all that write: a file is replaced where it is recognisably an earlier result of
-- the same kind, or empty, or where the user says so with `--force`. What is no ordinary file (links,
-- directories, pipes, devices) is never replaced, and neither is what the result is made from, nor, in a folder
-- that others may write in, a file of another user.
-- @module vk_compute.cache.target

local bit = require("bit")
local pwd = require("posix.pwd")
local unistd = require("posix.unistd")
local fail = require("vk_compute.system.fail")
local file_kind = require("vk_compute.cache.file_kind")
local files = require("vk_compute.system.files")
local layout = require("vk_compute.cache.layout")
local metadata = require("vk_compute.cache.metadata")
local lock = require("vk_compute.system.lock")
local stdlib = require("posix.stdlib")

local target = {}

local STICKY = 2 ^ 9

local function check_directory(path, how)
  if path == "" then fail("the name of the file for %s is empty: give one, such as %s", how.what, how.example) end
  if path == "-" then
    fail("- is not taken for standard output: %s is a file, complete or not there. Name one, such as %s (a file of the "
      .. "name -: ./-)", how.what, how.example)
  end
  if files.is_directory(path) then
    fail("%s is a directory: name a file, such as %s/%s", path, (path:gsub("/+$", "")), how.example)
  end
  local directory = files.directory(path)
  if not files.is_directory(directory) then
    fail("there is no directory %s for %s: make it first", directory, path)
  end
  files.check_writable(directory)
end

local function user_name(uid)
  local entry = pwd.getpwuid(uid)
  return entry and entry.pw_name or ("%d"):format(uid)
end

-- A file of another user could be changed by that user while we write it, or could not be replaced at the end. One
-- that belongs to whom the folder belongs to is as safe as the folder.
local function check_owner(path, info, how)
  local me = unistd.geteuid()
  local directory = files.stat(files.directory(path))
  local is_sticky = bit.band(directory.st_mode, STICKY) ~= 0 and me ~= 0
  if info.st_uid == me or (info.st_uid == directory.st_uid and not is_sticky) then return end
  fail("%s belongs to the user %s: name a file for %s that is in a folder of your own", path, user_name(info.st_uid),
    how.what)
end

local function check_type(file, path, how)
  local info = files.link_stat(file.path)
  if not info then return end
  for _, input in ipairs(how.inputs) do
    if files.is_same(file.path, input) then
      fail("%s %s: name another file for %s", file.path, how.input_is, how.what)
    end
  end
  if not files.is_regular(info) then
    local led_to = files.stat(file.path)
    local remedy = file.path ~= path and "move it away, or name another file"
      or led_to and files.is_regular(led_to)
        and ("name %s, to which it leads, or another file"):format(stdlib.realpath(file.path))
      or "name a file"
    fail("%s is %s, and only files are replaced: %s for %s", file.path, files.type_name(info), remedy, how.what)
  end
  check_owner(file.path, info, how)
end

local function check_contents(file, how)
  local info = files.link_stat(file.path)
  if not info or how.force or info.st_size == 0 then return end
  local was_read, is_earlier, problem = pcall(file.is_earlier, file.path)
  if not files.link_stat(file.path) then return end  -- another process has removed it
  if not was_read then error(is_earlier, 0) end
  if not is_earlier then
    fail("%s exists, and %s: name another file, or %s", file.path,
      problem or ("is %s, not %s"):format(file_kind.of(file.path), how.what),
      how.way_out or "replace it with --force")
  end
end

--- Raises where a result may not be written. To be called before any work.
-- @tparam string path of the result
-- @tparam table how
--
-- - `what`: the result, in words; `example`: a file name
-- - `files`: all that is written but the lock, tables of `path` and `is_earlier`: function (path) -> whether the
--   file there is an earlier result, and what else it is if that is known
-- - `inputs`: paths of what it is made from; `input_is`: what to say of these
-- - `way_out`: what else to do about a file that is not replaced, where that is not --force
-- - `force`: whether files of any kind may be replaced
function target.check(path, how)
  check_directory(path, how)
  -- First all types: contents are told by other files, too.
  local all = { { path = target.lock(path), is_earlier = lock.begins }, unpack(how.files) }
  for _, file in ipairs(all) do check_type(file, path, how) end
  for _, file in ipairs(all) do check_contents(file, how) end
end

--- The lock file of a result.
function target.lock(path)
  return path .. ".lock"
end

--- Holds the lock of a result while work() runs. Raises where another process holds it.
-- @tparam string path of the result
-- @tparam function work
-- @return what work returns
function target.locked(path, work)
  local ok, held, holder = pcall(lock.acquire, target.lock(path))
  if not ok then fail("cannot write in %s: %s", files.directory(path), held) end
  if not held then
    local is_elsewhere = holder.host or holder.pid == 0
    fail("%s is writing %s: wait for it, or stop it%s", lock.name(holder), path,
      is_elsewhere and " there" or (" (kill -INT %d)"):format(holder.pid))
  end
  local succeeded, result = pcall(work)
  lock.release(held)
  if not succeeded then error(result, 0) end
  return result
end

--- The same for a result of one file. Where that replaces a cache, its NAME.json goes with it: left beside the new
-- file, it would have that told as damaged, and repaired.
function target.locked_file(path, work)
  target.locked(path, function()
    work()
    local left = layout.paths(path).metadata
    if metadata.begins(left) then files.remove(left) end
  end)
end

return target
