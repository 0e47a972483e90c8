// Loads the layer of fault_layer.cpp into the test program that includes this header.
#pragma once

#include <cstdlib>

// Before the first Vulkan call of the process; the loader reads these when an instance is made.
[[maybe_unused]] static const bool fault_layer_is_asked_for = [] {
  setenv("VK_ADD_LAYER_PATH", VKC_FAULT_LAYER_DIRECTORY, 1);
  setenv("VK_INSTANCE_LAYERS", "VK_LAYER_VKC_fault", 1);
  return true;
}();
