--- Called with the owner of memory after the last use of a pointer into it: without that the collector may free the
-- owner while the pointer is in use, since no later code mentions it.
-- @module vk_compute.system.keep

return function() end
