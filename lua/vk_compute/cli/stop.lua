--- Being asked to stop, for commands that then still have something to put right.
-- @module vk_compute.cli.stop

local signal = require("posix.signal")
local signals = require("vk_compute.system.signals")

local stop = {}

local count, last = 0, nil
local next_signal = function() return nil end

--- From here on Ctrl-C (SIGINT), SIGTERM and the end of the terminal (SIGHUP) are only counted.
function stop.catch()
  local numbers = { signal.SIGINT, signal.SIGTERM }
  -- nohup has it ignored.
  if signal.signal(signal.SIGHUP, signal.SIG_IGN) ~= signal.SIG_IGN then numbers[3] = signal.SIGHUP end
  next_signal = signals.block(numbers)
  -- What is ignored does not wait either.
  for _, number in ipairs(numbers) do signal.signal(number, signal.SIG_DFL) end
  -- A file size limit then is an error like a full disk.
  signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
end

--- How often this process was asked.
function stop.count()
  local number = next_signal()
  while number do
    count, last = count + 1, number
    number = next_signal()
  end
  return count
end

--- What a shell shows for a program ended by that signal; nil where there was none.
function stop.exit_code()
  return stop.count() > 0 and 128 + last or nil
end

return stop
