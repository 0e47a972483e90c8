// The header, alone and first, as C++.
#include "vulkan_compute.h"

static_assert(sizeof(VkcOptions) == 8 + sizeof(void*));
