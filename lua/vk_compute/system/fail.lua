--- Raises a message about a file, an input or a machine. It names no line of the caller's script,
-- since that is not where the fault is.
-- @module vk_compute.system.fail

--- @tparam string format as for string.format
-- @param ... its values
return function(format, ...)
  error(format:format(...), 0)
end
