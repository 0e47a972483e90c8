local helper = require("helper")
local signal = require("posix.signal")

describe("being asked to stop", function()
  local hangup

  -- Whatever runs the tests: nohup has it ignored.
  setup(function() hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL) end)
  teardown(function() signal.signal(signal.SIGHUP, hangup) end)

  -- A process that is interrupted again and again while it calls functions that mind their arguments.
  local INTERRUPTED = [[
    package.path = "%s/lua/?.lua;" .. package.path
    local signal = require("posix.signal")
    local unistd = require("posix.unistd")
    local stop = require("vk_compute.cli.stop")
    stop.catch()
    local parent, child = unistd.getpid(), unistd.fork()
    if child == 0 then
      for _ = 1, 200 do
        signal.kill(parent, signal.SIG%s)
        for _ = 1, 2000 do unistd.getppid() end
      end
      unistd._exit(0)
    end
    local seen, deadline = 0, os.time() + 60
    while seen < 5 and os.time() < deadline do seen = stop.count() end
    print(seen >= 5 and "counted" or "not counted", stop.exit_code())
  ]]

  for name, code in pairs({ INT = 130, TERM = 143, HUP = 129 }) do
    it("by SIG" .. name .. " is counted, and disturbs nothing else", function()
      assert.are.same({ "counted\t" .. code .. "\n", 0 },
        { helper.run_script(INTERRUPTED:format(helper.ROOT, name), {}) })
    end)
  end
end)
