--- The devices there are, for a process that must not open any: see compute_process.lua.
-- @module vk_compute.cache.device_list

local unistd = require("posix.unistd")
local wait = require("posix.sys.wait")
local json = require("vk_compute.system.json")
local fail = require("vk_compute.system.fail")

-- What a function returns in a process of its own, as far as JSON holds it. What it raises is raised here.
local function in_a_process(work)
  local reading, writing = unistd.pipe()
  if not reading then fail("cannot make a pipe: %s", writing) end
  io.stdout:flush()
  local pid, message = unistd.fork()
  if not pid then fail("cannot start a process: %s", message) end
  if pid == 0 then
    local ok, result = pcall(work)
    if not ok then result = { problem = type(result) == "table" and result.message or tostring(result) } end
    unistd.write(writing, json.encode(result))
    unistd._exit(0)
  end
  unistd.close(writing)
  local parts = {}
  repeat
    local text = unistd.read(reading, 65536)
    parts[#parts + 1] = text
  until not text or text == ""
  unistd.close(reading)
  local _, how, status = wait.wait(pid)
  if how ~= "exited" then fail("the process that lists the devices ended (%s %s)", how, tostring(status)) end
  local result = json.decode(table.concat(parts))
  if result.problem then fail("%s", result.problem) end
  return result
end

--- What `all` devices are: every usable GPU; where there is none, every other usable device.
-- @tparam table vk the module vk_compute
-- @treturn {string,...} their indices
return function(vk)
  local usable = in_a_process(function()
    local list = {}
    for _, device in ipairs(vk.list_devices()) do
      if device.usable then list[#list + 1] = { index = device.index, is_gpu = device.type:find("GPU") ~= nil } end
    end
    return { list = list }
  end).list
  local gpus, others = {}, {}
  for _, device in ipairs(usable) do
    local list = device.is_gpu and gpus or others
    list[#list + 1] = ("%.0f"):format(device.index)
  end
  if not (gpus[1] or others[1]) then fail("no device is usable: vulkan-compute devices tells what each lacks") end
  return gpus[1] and gpus or others
end
