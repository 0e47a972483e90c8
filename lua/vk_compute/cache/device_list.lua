--- What `all` devices are: every usable GPU; where there is none, every other usable device. The one that is opened
-- where none is named is among them.
--
-- It is for a computing process: the one that owns the files must not open any, see compute_process.lua.
-- @module vk_compute.cache.device_list

local fail = require("vk_compute.system.fail")

--- The list.
-- @tparam table vk the module vk_compute
-- @treturn {string,...} their indices
return function(vk)
  local gpus, others = {}, {}
  for _, device in ipairs(vk.list_devices()) do
    local list = device.type:find("GPU") and gpus or others
    if device.usable then list[#list + 1] = ("%.0f"):format(device.index) end
  end
  if not (gpus[1] or others[1]) then fail("no device is usable: vulkan-compute devices tells what each lacks") end
  return gpus[1] and gpus or others
end
