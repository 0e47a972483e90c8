--- A memory plan in words.
-- @module vk_compute.ffi.plan_text

local function size(bytes)
  if bytes < 1e9 then return ("%.1f MB"):format(bytes / 1e6) end
  return ("%.2f GB"):format(bytes / 1e9)
end

--- @tparam table plan as from Context:plan_memory
-- @treturn string one line
return function(plan)
  local parts = {
    ("at most %s of the device (embeddings %s, similarities %s, work %s), %s available"):format(
      size(plan.device_bytes), size(plan.embeddings_bytes), size(plan.matrix_bytes),
      size(plan.work_bytes), size(plan.available_device_bytes)),
    ("%s of the host%s, %s available"):format(size(plan.host_bytes),
      plan.shared_memory and ", the device's included" or "", size(plan.available_host_bytes)),
  }
  local text = "memory: " .. table.concat(parts, "; ")
  if plan.fits then return text end
  return text .. ": this does not fit; use fewer embeddings or a device with more memory"
end
