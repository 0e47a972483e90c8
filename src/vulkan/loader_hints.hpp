// What is likely to be wrong where the Vulkan loader fails: it says little itself.
#pragma once

#include <string>

namespace vkc {

// The environment variables that keep drivers from the loader, with their values, such as
// "VK_ICD_FILENAMES='/etc/nvidia.json'"; "" where there are none.
std::string driver_variables();

// The limit on what a process may map, such as "8400 MB (ulimit -v)"; "" where there is none.
// Drivers of GPUs map far more than they use, and one that cannot be loaded is as good as not
// there.
std::string address_limit();

// The manifests (JSON files of drivers and layers) that end in the middle, comma-separated; ""
// where there are none. One such file, of any program, makes the loader fail for every other.
std::string broken_manifests();

}  // namespace vkc
