--- vulkan-compute devices.
-- @module vk_compute.cli.devices

local options_of = require("vk_compute.cli.options")
local printable = require("vk_compute.system.printable")
local output = require("vk_compute.cli.output")
local vk = require("vk_compute")

local devices = {
  summary = "list the devices there are",
  description = "Lists the devices of all Vulkan drivers. --device of the other commands takes their"
    .. " indices, which count from 0, their UUIDs and PCI addresses.",
  epilog = "Exit codes: 0 done; 2 no Vulkan loader, no driver, or none with a device, or called wrongly.",
}

function devices.declare(parser)
  options_of.json(parser)
end

local function text_of(device)
  local lines = {
    printable.format("%d  %s", device.index, device.name),
    printable.format("   %s, Vulkan %s, %.1f GB, subgroups of %d; driver %s", device.type, device.vulkan_version,
      device.memory_bytes / 1e9, device.subgroup_size, device.driver),
  }
  if device.uuid ~= "" then lines[#lines + 1] = "   UUID " .. device.uuid end
  if device.pci_address ~= "" then lines[#lines + 1] = "   PCI address " .. device.pci_address end
  lines[#lines + 1] = printable.format("   %s",
    device.usable and "usable" or "not usable, it lacks: " .. device.missing)
  return table.concat(lines, "\n")
end

function devices.main(options)
  local out = output.new(options)
  local list = vk.list_devices()
  for _, device in ipairs(list) do out:say(text_of(device)) end
  out:document({ devices = list })
  return 0
end

return devices
