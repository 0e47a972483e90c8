// How much memory the host has left.
#pragma once

#include <cstdint>

namespace vkc {

// Bytes of the host's memory that can be had without harm to other programs; no bound where the
// system does not tell.
uint64_t available_host_bytes();

}  // namespace vkc
