--- Raises a message about a file, an input or a machine. It names no line of the caller's script,
-- since that is not where the fault is.
-- @module vk_compute.system.fail

local printable = require("vk_compute.system.printable")

--- @tparam string format as for string.format
-- @param ... its values; strings among them are made printable
return function(format, ...)
  error(printable.format(format, ...), 0)
end
