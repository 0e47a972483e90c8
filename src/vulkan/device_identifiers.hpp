// What tells equal devices apart: their UUIDs, and their addresses on the PCI bus.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace vkc {

inline constexpr std::size_t kUuidBytes = 16;

// "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"; "" for zeros, which drivers give that know none.
std::string uuid_text(std::span<const uint8_t, kUuidBytes> uuid);

// "0000:3b:00.0", as lspci and sysfs write it.
std::string pci_text(uint32_t domain, uint32_t bus, uint32_t device, uint32_t function);

// A UUID or an address as these two write it; "" where `text` is neither. A UUID may have the
// "GPU-" before it that nvidia-smi and CUDA_VISIBLE_DEVICES write, an address more digits of its
// domain; either may be upper case.
std::string canonical_identifier(std::string_view text);

}  // namespace vkc
