--- Being asked to stop, for commands that then still have something to put right.
-- @module vk_compute.cli.stop

local signal = require("posix.signal")

local stop = {}

local count, last = 0, nil

--- From here on Ctrl-C (SIGINT) and SIGTERM are only counted.
function stop.catch()
  local function note(number)
    count, last = count + 1, number
  end
  signal.signal(signal.SIGINT, note)
  signal.signal(signal.SIGTERM, note)
  -- A file size limit then is an error like a full disk.
  signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
end

--- From here on Ctrl-C ends the program at once. (LuaJIT's own way is to wait for a call in hand and to
-- show a traceback.)
function stop.at_once()
  signal.signal(signal.SIGINT, signal.SIG_DFL)
end

--- How often this process was asked.
function stop.count()
  return count
end

-- Signals reach Lua between two instructions of the interpreter: a loop that asks here must not be
-- compiled into one that never comes by there.
jit.off(stop.count)

--- What a shell shows for a program ended by that signal; nil where there was none.
function stop.exit_code()
  return count > 0 and 128 + last or nil
end

return stop
