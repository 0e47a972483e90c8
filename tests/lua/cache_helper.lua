--- What the specs of the cache share: small inputs, the scripts as processes, files to harm.

local assert = require("luassert")
local ffi = require("ffi")
local signal = require("posix.signal")
local time = require("posix.time")
local unistd = require("posix.unistd")
local wait = require("posix.sys.wait")
local helper = require("helper")

local cache_helper = {}

cache_helper.COMPUTE = helper.ROOT .. "/scripts/compute-diversity-cache.lua"
cache_helper.NEIGHBORS = helper.ROOT .. "/scripts/compute-nearest-neighbors.lua"
cache_helper.CHECK = helper.ROOT .. "/scripts/check-diversity-progress.lua"
cache_helper.EXPORT = helper.ROOT .. "/scripts/export-diversity-cache.lua"
cache_helper.PROGRAM = helper.ROOT .. "/bin/vulkan-compute"
cache_helper.PSALMS = helper.ROOT .. "/data/psalms.npy"

-- ---- Files -----------------------------------------------------------------------------------------

--- A file's contents, or nil where there is none.
function cache_helper.contents(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

--- Writes a file.
function cache_helper.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

function cache_helper.exists(path)
  return cache_helper.contents(path) ~= nil
end

--- Changes the byte at a place, from 0, to another.
function cache_helper.flip(path, place, mask)
  local text = cache_helper.contents(path)
  local byte = bit.bxor(text:byte(place + 1), mask or 1)
  cache_helper.write(path, text:sub(1, place) .. string.char(byte) .. text:sub(place + 2))
end

--- Copies a cache's files, those there are, under another name.
function cache_helper.copy(from, to)
  for _, suffix in ipairs({ "", ".json", ".partial", ".journal", ".lock" }) do
    local text = cache_helper.contents(from .. suffix)
    if text then cache_helper.write(to .. suffix, text) else os.remove(to .. suffix) end
  end
end

--- Removes a cache's files.
function cache_helper.remove(path)
  for _, suffix in ipairs({ "", ".json", ".partial", ".journal", ".lock", ".json.new", ".journal.new" }) do
    os.remove(path .. suffix)
  end
end

--- The names in a folder, sorted.
function cache_helper.names(folder)
  local names = {}
  local pipe = assert(io.popen("ls -A '" .. folder .. "'"))
  for name in pipe:lines() do names[#names + 1] = name end
  pipe:close()
  return names
end

-- A header of .npy version 1.0 for float32.
local function float_header(n, d)
  local text = ("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }"):format(n, d)
  text = text .. (" "):rep(-(10 + #text + 1) % 64) .. "\n"
  return "\147NUMPY\1\0" .. string.char(#text % 256, math.floor(#text / 256)) .. text
end

--- Writes embeddings as a .npy file.
-- @tparam string path
-- @param data n x d FFI floats
function cache_helper.write_embeddings(path, data, n, d)
  cache_helper.write(path, float_header(n, d) .. ffi.string(data, n * d * 4))
end

-- ---- Processes -------------------------------------------------------------------------------------

--- Runs a shell command.
-- @treturn string its output, errors among it
-- @treturn number its exit code
function cache_helper.shell(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1; code=$?; echo; echo exit code $code"))
  local output, code = pipe:read("*a"):match("^(.*)\nexit code (%d+)\n$")
  pipe:close()
  return output, tonumber(code)
end

--- Runs a script under LuaJIT: the words after it are its arguments. A table among them holds
-- environment variables.
-- @treturn string its output, errors among it
-- @treturn number its exit code
function cache_helper.run(...)
  local words, environment = {}, "env"
  for _, word in ipairs({ ... }) do
    if type(word) == "table" then
      for name, value in pairs(word) do environment = environment .. " " .. helper.quoted(name .. "=" .. value) end
    else
      words[#words + 1] = word
    end
  end
  return cache_helper.shell(environment .. " luajit " .. helper.quoted(unpack(words)))
end

--- Runs vulkan-compute.
-- @treturn string its output, errors among it
-- @treturn number its exit code
function cache_helper.run_program(...)
  return cache_helper.shell(helper.quoted(cache_helper.PROGRAM, ...))
end

--- The same; fails where it fails.
-- @treturn string its output
function cache_helper.must_run_program(...)
  local output, code = cache_helper.run_program(...)
  assert.are.equal(0, code, output)
  return output
end

--- Runs a Python script with NumPy at hand: Debian's package is of Debian's Python.
function cache_helper.run_python(...)
  return cache_helper.shell("/usr/bin/python3 " .. helper.quoted(...))
end

--- Runs compute-diversity-cache.lua.
function cache_helper.compute(...)
  return cache_helper.run(cache_helper.COMPUTE, ...)
end

--- The same; fails where it fails.
function cache_helper.must_compute(...)
  local output, code = cache_helper.compute(...)
  assert.are.equal(0, code, output)
  return output
end

--- Starts a script under LuaJIT and does not wait for it. Its output goes to a file.
-- @treturn number process id
function cache_helper.start_script(output, ...)
  local words = { ... }
  local pid = assert(unistd.fork())
  if pid == 0 then
    local fcntl = require("posix.fcntl")
    local fd = fcntl.open(output, fcntl.O_WRONLY + fcntl.O_CREAT + fcntl.O_TRUNC, tonumber("644", 8))
    unistd.dup2(fd, 1)
    unistd.dup2(fd, 2)
    unistd.execp("luajit", words)
    unistd._exit(127)
  end
  return pid
end

--- Starts compute-diversity-cache.lua, likewise.
function cache_helper.start(output, ...)
  return cache_helper.start_script(output, cache_helper.COMPUTE, ...)
end

function cache_helper.sleep(seconds)
  local whole = math.floor(seconds)
  time.nanosleep({ tv_sec = whole, tv_nsec = math.floor((seconds - whole) * 1e9) })
end

--- Waits for a process to end.
-- @treturn string "exited" or "killed"
-- @treturn number exit code or signal
function cache_helper.wait(pid)
  local _, how, status = wait.wait(pid)
  return how, status
end

function cache_helper.kill(pid, number)
  signal.kill(pid, number or signal.SIGKILL)
end

--- Waits until a condition holds. Fails after 60 seconds.
function cache_helper.await(condition, what)
  for _ = 1, 6000 do
    local value = condition()
    if value then return value end
    cache_helper.sleep(0.01)
  end
  error("waited in vain for " .. what)
end

--- How many rows a journal lists. Fails where it lists one twice.
function cache_helper.journalled(path)
  local text = cache_helper.contents(path .. ".journal") or ""
  local seen, count = {}, 0
  for line in text:gmatch("(.-)\n") do
    local ranges = line:match('"rows":%[(.-)%],"checksums"')
    for first, number in (ranges or ""):gmatch("%[(%d+),(%d+)%]") do
      for row = tonumber(first), first + number - 1 do
        assert.is_nil(seen[row], "row " .. row .. " is in the journal twice")
        seen[row] = true
        count = count + 1
      end
    end
  end
  return count
end

--- A folder with embeddings (`input`, n x d) and the finished cache of them (`expected`, its bytes).
-- @param ... words of the command line for the cache
-- @treturn table `folder`, `input`, `n`, `d`, `finished` (a path), `expected`
function cache_helper.workplace(n, d, ...)
  local folder = helper.temporary_folder()
  local place = {
    folder = folder, n = n, d = d, input = folder .. "/input.npy",
    finished = folder .. "/finished.npy",
  }
  place.embeddings = helper.kinds["unit norms"](n, d)
  cache_helper.write_embeddings(place.input, place.embeddings, n, d)
  cache_helper.must_compute(place.input, place.finished, ...)
  place.expected = cache_helper.contents(place.finished)
  return place
end

--- Makes a cache that was stopped with at least so many rows done, but not all.
-- @treturn number rows done
function cache_helper.make_partial(place, path, rows)
  for _ = 1, 20 do
    cache_helper.remove(path)
    local pid = cache_helper.start(place.folder .. "/output", place.input, path, "--batch", "1")
    cache_helper.await(function()
      return cache_helper.exists(path) or cache_helper.journalled(path) >= rows
    end, "rows")
    cache_helper.kill(pid, signal.SIGINT)
    cache_helper.wait(pid)
    os.remove(place.folder .. "/output")
    if not cache_helper.exists(path) then return cache_helper.journalled(path) end
  end
  error("the run was always finished before it could be stopped")
end

--- Removes the folder of a workplace.
function cache_helper.remove_folder(place)
  helper.execute("rm", "-rf", place.folder)
end

return cache_helper
