--- Standard streams that the caller has closed: they are opened, so that no file of ours gets the number of one. What
-- is said to people would else be written into that file.
-- @module vk_compute.cli.standard_streams

local fcntl = require("posix.fcntl")

-- Input cannot be read, nor output written: both fail, as those of closed streams do.
local MODES = { [0] = fcntl.O_WRONLY, fcntl.O_RDONLY, fcntl.O_RDONLY }

local standard_streams = {}

--- To be called before any other file is opened.
function standard_streams.open_closed()
  for stream = 0, 2 do
    -- The lowest number that is free is given.
    if not fcntl.fcntl(stream, fcntl.F_GETFD) then fcntl.open("/dev/null", MODES[stream]) end
  end
end

return standard_streams
