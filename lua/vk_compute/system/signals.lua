--- Signals that wait until they are asked for.
--
-- lua-posix runs Lua handlers from a hook, which under LuaJIT leaves a value on the stack of whatever
-- function is called next: `os.time()` then gets an argument, and fails. So signals are blocked here, and
-- taken between two steps of work.
-- @module vk_compute.system.signals

local ffi = require("ffi")
local libc = require("vk_compute.system.libc")

local SIG_BLOCK, SIG_SETMASK = 0, 2
local AT_ONCE = ffi.new("struct vk_compute_timespec")

local signals = {}

local function set_of(numbers)
  local set = ffi.new("vk_compute_sigset")
  libc.sigemptyset(set)
  for _, number in ipairs(numbers) do libc.sigaddset(set, number) end
  return set
end

--- Makes signals wait, in this process and in those it starts.
-- @tparam {number,...} numbers of the signals
-- @treturn function () -> the number of a signal that has come, which waits no longer; nil where none has
function signals.block(numbers)
  local set = set_of(numbers)
  libc.sigprocmask(SIG_BLOCK, set, nil)
  return function()
    local number = libc.sigtimedwait(set, nil, AT_ONCE)
    return number > 0 and number or nil
  end
end

--- Lets all signals come again.
function signals.unblock()
  libc.sigprocmask(SIG_SETMASK, set_of({}), nil)
end

return signals
