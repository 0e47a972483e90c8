--- What commands write: results to standard output, as text or as one JSON document; progress and notes to
-- standard error.
-- @module vk_compute.cli.output

local ffi = require("ffi")
local errno = require("posix.errno")
local signal = require("posix.signal")
local unistd = require("posix.unistd")
local json = require("vk_compute.system.json")
local clock = require("vk_compute.system.clock")
local command = require("vk_compute.cli.command")
local fail = require("vk_compute.system.fail")
local libc = require("vk_compute.system.libc")
local printable = require("vk_compute.system.printable")
local messages = require("vk_compute.cli.messages")

local output = {}

local PLAIN_INTERVAL, BAR_INTERVAL = 0.8, 0.1  -- seconds between lines, between changes of the bar

-- A reader that has gone shows as an error here, so that work in hand can be put right.
signal.signal(signal.SIGPIPE, signal.SIG_IGN)

--- Whether a standard stream is a terminal on which what was shown can be shown anew.
-- @tparam number stream 1 or 2
function output.can_redraw(stream)
  local terminal = os.getenv("TERM")
  return unistd.isatty(stream) == 1 and terminal ~= nil and terminal ~= "" and terminal ~= "dumb"
end

-- Whether the bar can be on standard error, and is there.
local bar_possible, bar_shown = output.can_redraw(2), false

-- Returns nil, or what went wrong.
local function try_write(stream, text)
  local ok, message, number = stream:write(text)
  if ok then ok, message, number = stream:flush() end
  if ok then return nil end
  if number == errno.EPIPE then error(command.BROKEN_PIPE, 0) end
  return message
end

--- Writes text, as it is. Raises where it cannot be written.
function output.write(text)
  local problem = try_write(io.stdout, text)
  if problem then fail("cannot write to standard output: %s", problem) end
end

--- A document as JSON, on one line. Empty tables in it are empty lists. Bytes that are no UTF-8, as names of
-- files may have, are replaced by U+FFFD.
function output.json(document)
  local text = printable.utf8(json.encode_lists(document))
  -- What terminals heed beyond ASCII, see printable. It can be in strings only.
  local function escape(base)
    return function(byte) return ("\\u%04x"):format(base + byte:byte() % 64) end
  end
  text = text:gsub("\194([\128-\159])", escape(0x80)):gsub("\226\128([\170-\174])", escape(0x2000))
  return (text:gsub("\226\129([\166-\169])", escape(0x2040)))
end

--- Ends a line that progress is shown on.
function output.end_line()
  if bar_shown then io.stderr:write("\n") end
  bar_shown = false
end

-- Takes the bar away, so that other text has its line.
local function remove_bar()
  if bar_shown then try_write(io.stderr, "\r\27[K") end
  bar_shown = false
end

local TIOCGWINSZ, USUAL_COLUMNS = 0x5413, 80

-- A line cut to the terminal's width: a wider one would go on in the next, which "\r" does not lead back from.
local function fit(line)
  local size = ffi.new("struct vk_compute_winsize")
  local known = libc.ioctl(2, TIOCGWINSZ, size) == 0 and size.columns > 0
  local columns, place = known and size.columns or USUAL_COLUMNS, 1
  -- The last column stays free: some terminals begin a new line after it.
  for _ = 1, columns - 1 do place = line:match("^[^\128-\191][\128-\191]*()", place) or place end
  return line:sub(1, place - 1)
end

local Output = {}
Output.__index = Output

--- Where a command's results and notes go.
-- @tparam table options `quiet`: only results; `json`: only the document
-- @treturn Output
function output.new(options)
  return setmetatable({
    silent = options.quiet or options.json, wants_document = options.json, notices = {},
    last_shown = -math.huge, last_phase = nil,
  }, Output)
end

--- Writes lines that a command is there to print to standard output, unless a document takes their place.
function Output:result(text)
  if self.wants_document then return end
  remove_bar()
  output.write(printable.text(text) .. "\n")
end

--- The same of lines on what was done, unless it is to be silent.
function Output:say(text)
  if not self.silent then self:result(text) end
end

--- Writes a line that is not the result to standard error, unless it is to be silent. That it cannot be shown is
-- no reason to stop working.
function Output:note(text)
  if self.silent then return end
  remove_bar()
  try_write(io.stderr, printable.text(text) .. "\n")
end

--- Tells of something that was found wrong and corrected: at once, or as member `notices` of the
-- document.
function Output:notice(text)
  self.notices[#self.notices + 1] = text
  self:note(printable.line(text))
end

--- Shows how far the work is: a line now and then, or on a terminal a bar. To be called as often as
-- one likes. That it cannot be shown is no reason to stop working.
-- @tparam table state as for messages.line
function Output:progress(state)
  if self.silent then return end
  local at = clock.monotonic()
  local interval = bar_possible and BAR_INTERVAL or PLAIN_INTERVAL
  local phase = state.step or state.phase == "calling" and state.call.phase or state.phase
  if at - self.last_shown < interval and phase == self.last_phase then return end
  self.last_shown, self.last_phase = at, phase
  if bar_possible then
    try_write(io.stderr, "\r" .. fit(messages.bar(state)) .. "\27[K")
    bar_shown = true
  else
    try_write(io.stderr, messages.line(state) .. "\n")
  end
end

--- The same, but nothing where there can be no bar: for what is between a command and the result that it prints.
function Output:bar(state)
  if bar_possible then self:progress(state) end
end

--- Writes the document, where JSON is wanted.
function Output:document(document)
  if self.wants_document then output.write(output.json(document) .. "\n") end
end

return output
