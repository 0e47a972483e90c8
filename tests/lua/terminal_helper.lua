--- Programs on a terminal of their own: what they show there and when, and how they heed Ctrl-C.

local ffi = require("ffi")
local fcntl = require("posix.fcntl")
local poll = require("posix.poll")
local stdlib = require("posix.stdlib")
local time = require("posix.time")
local unistd = require("posix.unistd")
local wait = require("posix.sys.wait")
local clock = require("vk_compute.system.clock")
local libc = require("vk_compute.system.libc")

local terminal = {}

local TIOCSWINSZ = 0x5414
local CTRL_C = "\3"
local POLL_MS = 10

local function open_terminal(columns)
  local master = assert(stdlib.openpt(fcntl.O_RDWR + fcntl.O_NOCTTY + fcntl.O_CLOEXEC))
  assert(stdlib.grantpt(master))
  assert(stdlib.unlockpt(master))
  local size = ffi.new("struct vk_compute_winsize", { rows = 24, columns = columns })
  assert(libc.ioctl(master, TIOCSWINSZ, size) == 0)
  return master, assert(stdlib.ptsname(master))
end

local function be_program(path, words, environment)
  -- The first terminal that the leader of a session opens is the one whose Ctrl-C it gets.
  unistd.setpid("s")
  local fd = fcntl.open(path, fcntl.O_RDWR)
  for stream = 0, 2 do unistd.dup2(fd, stream) end
  if fd > 2 then unistd.close(fd) end
  stdlib.setenv("TERM", "xterm")
  for name, value in pairs(environment or {}) do stdlib.setenv(name, value) end
  local arguments = { unpack(words, 2) }
  unistd.execp(words[1], arguments)
  unistd._exit(127)
end

--- Runs a program on a terminal.
-- @tparam {string,...} words its name and arguments
-- @tparam[opt] table options `columns` (default 80); `environment`, added to this process's; `interrupt`: function
-- (seconds, text): whether to press Ctrl-C now, asked many times a second until it says so
-- @treturn table
--
-- - `pieces`: what was written, `{ at =, text = }` each, `at` in seconds since the start; `text`: all of it
-- - `how` ("exited" or "killed") and `code`
-- - `seconds` it ran; `seconds_to_end`: from Ctrl-C on
function terminal.run(words, options)
  options = options or {}
  local master, path = open_terminal(options.columns or 80)
  local began = clock.monotonic()
  local pid = assert(unistd.fork())
  if pid == 0 then be_program(path, words, options.environment) end
  local result, interrupted = { pieces = {}, text = "" }, nil
  local function read(milliseconds)
    local piece = poll.rpoll(master, milliseconds) == 1 and unistd.read(master, 65536)
    if not piece then return false end
    result.pieces[#result.pieces + 1] = { at = clock.monotonic() - began, text = piece }
    result.text = result.text .. piece
    return true
  end
  repeat
    local ended, how, code = wait.wait(pid, wait.WNOHANG)
    local seconds = clock.monotonic() - began
    if ended == pid then
      result.how, result.code, result.seconds = how, code, seconds
      while read(0) do end
    -- Before the program opens its end, and after it closes it, there is nothing to wait for.
    elseif not read(POLL_MS) then
      time.nanosleep({ tv_sec = 0, tv_nsec = 1e6 })
    end
    if not interrupted and options.interrupt and options.interrupt(seconds, result.text) then
      interrupted = seconds
      unistd.write(master, CTRL_C)
    end
  until result.how
  unistd.close(master)
  result.seconds_to_end = interrupted and result.seconds - interrupted
  return result
end

local function columns_of(text)
  return select(2, text:gsub("[^\128-\191]", ""))
end

--- What a program showed, as one sees it: each line when it came, and each change of the last one.
-- @tparam table result as from terminal.run
-- @treturn {table,...} `at`, `text`, `columns` (characters) and `is_progress`: whether the next takes its place
function terminal.shown(result)
  local shown, before = {}, nil
  for _, piece in ipairs(result.pieces) do
    for line in piece.text:gmatch("[^\r\n]+") do
      local text = line:gsub("\27%[K", "")
      if text ~= "" and text ~= before then
        local is_progress = line:find("\27%[K$") ~= nil
        shown[#shown + 1] = { at = piece.at, text = text, columns = columns_of(text), is_progress = is_progress }
        before = text
      end
    end
  end
  return shown
end

--- The longest time without a change of what is shown, from the start to the end.
-- @tparam table result as from terminal.run
-- @treturn number seconds
-- @treturn string what was shown meanwhile
function terminal.longest_silence(result)
  local longest, of, before = 0, "", { at = 0, text = "(nothing)" }
  local shown = terminal.shown(result)
  shown[#shown + 1] = { at = result.seconds }
  for _, now in ipairs(shown) do
    if now.at - before.at > longest then longest, of = now.at - before.at, before.text end
    before = now
  end
  return longest, of
end

return terminal
