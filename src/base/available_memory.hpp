// How much memory the host has left.
#pragma once

#include <cstdint>
#include <string>

namespace vkc {

// Bytes of the host's memory that this process can have without harm to other programs, and within
// the limits that are set for it: those of its control groups, of its address space and of its
// data.
uint64_t available_host_bytes();

// The parts of it; UINT64_MAX where there is no such limit. `root` is a prefix of the paths that
// are read, for tests.
uint64_t available_to_system(const std::string& root = {});
uint64_t available_in_control_groups(const std::string& root = {});
uint64_t available_in_resource_limits();

}  // namespace vkc
