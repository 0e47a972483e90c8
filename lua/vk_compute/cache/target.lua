--- Where a result may be written.
--
-- The rule is the same for all that write: a file is replaced where it is recognisably an earlier result of
-- the same kind, or empty, or where the user says so with `--force`. What is no ordinary file (links,
-- directories, pipes, devices) is never replaced, and neither is what the result is made from.
-- @module vk_compute.cache.target

local fail = require("vk_compute.system.fail")
local file_kind = require("vk_compute.cache.file_kind")
local files = require("vk_compute.system.files")
local stdlib = require("posix.stdlib")

local target = {}

local function check_directory(path, how)
  if path == "" then fail("the name of the file for %s is empty: give one, such as %s", how.what, how.example) end
  if files.is_directory(path) then
    fail("%s is a directory: name a file, such as %s/%s", path, (path:gsub("/+$", "")), how.example)
  end
  local directory = files.directory(path)
  if not files.is_directory(directory) then
    fail("there is no directory %s for %s: make it first", directory, path)
  end
  files.check_writable(directory)
end

local function check_type(file, how)
  local info = files.link_stat(file.path)
  if not info then return end
  for _, input in ipairs(how.inputs) do
    if files.is_same(file.path, input) then
      fail("%s %s: name another file for %s", file.path, how.input_is, how.what)
    end
  end
  if not files.is_regular(info) then
    local led_to = files.stat(file.path)
    local remedy = led_to and files.is_regular(led_to)
        and stdlib.realpath(file.path) .. ", to which it leads, or another file" or "a file"
    fail("%s is %s, and only files are replaced: name %s for %s", file.path, files.type_name(info), remedy,
      how.what)
  end
end

local function check_contents(file, how)
  local info = files.link_stat(file.path)
  if not info or how.force or info.st_size == 0 then return end
  local is_earlier, problem = file.is_earlier(file.path)
  if not is_earlier then
    fail("%s exists, and %s: %sname another file, or replace it with --force", file.path,
      problem or ("is %s, not %s"):format(file_kind.of(file.path), how.what),
      file.is_temporary and "remove it if a run that was interrupted left it, " or "")
  end
end

--- Raises where a result may not be written. To be called before any work.
-- @tparam string path of the result
-- @tparam table how
--
-- - `what`: the result, in words; `example`: a file name
-- - `files`: all that is written, tables of `path`, `is_earlier`: function (path) -> whether the file there
--   is an earlier result, and what else it is if that is known; and `is_temporary`: whether only
--   interrupted runs leave it
-- - `inputs`: paths of what it is made from; `input_is`: what to say of these
-- - `force`: whether files of any kind may be replaced
function target.check(path, how)
  check_directory(path, how)
  -- First all types: contents are told by other files, too.
  for _, file in ipairs(how.files) do check_type(file, how) end
  for _, file in ipairs(how.files) do check_contents(file, how) end
end

return target
