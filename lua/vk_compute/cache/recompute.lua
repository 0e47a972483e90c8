--- Computes some rows of a cache again.
-- @module vk_compute.cache.recompute

local compute_process = require("vk_compute.cache.compute_process")
local fail = require("vk_compute.system.fail")

local WAIT_MS = 200

--- Computes rows on the device. Must not be called in a process that has made a context.
-- @tparam table job `vk`, `embeddings`, `device`, `report`, `opened` and `stop`, as for verify.run
-- @tparam table what the identity of the cache they are of
-- @tparam {number,...} list their numbers
-- @tparam function visit (row, pointer): `uint32_t*`, valid during the call
return function(job, what, list, visit)
  if not list[1] then return end
  local process = compute_process.start({
    vk = job.vk, path = job.path, what = what, embeddings = job.embeddings, device = job.device,
  })
  local ok, problem = pcall(function()
    local first = 1
    local ready = false
    while first <= #list do
      local message = process:wait(WAIT_MS)
      if message and message.failure then fail("%s", message.failure) end
      if message and message.device and job.opened then job.opened(message.device, message.device_type) end
      if message and message.ready then
        ready = true
        process:request(0, list, first, #list)
      elseif message and message.count then
        for k = 0, message.count - 1 do
          visit(list[first + k], process.rows[0] + k * what.length)
        end
        first = first + message.count
        if first <= #list then process:request(0, list, first, #list - first + 1) end
      end
      job.report(ready and "computing" or "starting", first - 1, #list, process.call)
      -- With all rows there, what the caller does with them comes before a stop.
      if first <= #list and job.stop() > 0 then fail("stopped") end
    end
    process:finish()
  end)
  process:stop()
  if not ok then error(problem, 0) end
end
