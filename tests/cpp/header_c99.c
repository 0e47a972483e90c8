/* The header, alone and first, as C99. */
#include "vulkan_compute.h"

int uses_the_header(const VkcOptions* options);
int uses_the_header(const VkcOptions* options) { return options->struct_size == sizeof *options; }
