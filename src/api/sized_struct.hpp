// The structs of the C API. Each begins with its size as the caller's header has it, so that it can
// grow: a struct from an older header is shorter than the library's, one from a newer header
// longer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "vulkan_compute.h"

namespace vkc {

struct StructSizes {
  const char* name;
  uint32_t first;  // bytes in the first release that had it: no caller's is shorter
  uint32_t known;  // bytes in this library
};

// The sizes of each struct. The first never changes.
template <typename Struct>
inline constexpr StructSizes kSizesOf{};
template <>
inline constexpr StructSizes kSizesOf<VkcDeviceInfo>{"VkcDeviceInfo", 800, sizeof(VkcDeviceInfo)};
template <>
inline constexpr StructSizes kSizesOf<VkcOptions>{"VkcOptions", 16, sizeof(VkcOptions)};
template <>
inline constexpr StructSizes kSizesOf<VkcUploadOptions>{"VkcUploadOptions", 8,
                                                        sizeof(VkcUploadOptions)};
template <>
inline constexpr StructSizes kSizesOf<VkcEmbeddingsInfo>{"VkcEmbeddingsInfo", 20,
                                                         sizeof(VkcEmbeddingsInfo)};
template <>
inline constexpr StructSizes kSizesOf<VkcSequenceOptions>{"VkcSequenceOptions", 12,
                                                          sizeof(VkcSequenceOptions)};
template <>
inline constexpr StructSizes kSizesOf<VkcPlanRequest>{"VkcPlanRequest", 24, sizeof(VkcPlanRequest)};
template <>
inline constexpr StructSizes kSizesOf<VkcMemoryPlan>{"VkcMemoryPlan", 72, sizeof(VkcMemoryPlan)};

// The struct_size of a caller's struct, whatever it is.
uint32_t struct_size_of(const void* given);

// Throws Error (INVALID_ARGUMENT) where a struct of this size is none that the library can take: it
// is too short, or what the library does not know of it is not zero.
void require_struct(const StructSizes& sizes, const void* given, uint32_t size);

// For a struct that is to be written: before any work is done.
template <typename Struct>
void require_struct(const Struct* given) {
  require_struct(kSizesOf<Struct>, given, struct_size_of(given));
}

// The caller's struct; zeros stand for what its header does not have. Throws Error.
template <typename Struct>
Struct read_struct(const Struct* given) {
  require_struct(given);
  Struct known{};
  std::memcpy(&known, given, std::min<std::size_t>(struct_size_of(given), sizeof known));
  return known;
}

// The same for options that may be NULL.
template <typename Struct>
Struct read_options(const Struct* given) {
  return given == nullptr ? Struct{} : read_struct(given);
}

// Fills in a caller's struct; its struct_size stays.
template <typename Struct>
void write_struct(Struct value, Struct* to) {
  value.struct_size = struct_size_of(to);
  std::memcpy(to, &value, std::min<std::size_t>(value.struct_size, sizeof value));
}

// Fills in a caller's array, whose elements all have the struct_size of the first. Throws Error.
template <typename Struct>
void write_structs(std::span<const Struct> values, Struct* to) {
  const uint32_t size = struct_size_of(to);
  const auto element = [&](std::size_t i) { return reinterpret_cast<std::byte*>(to) + i * size; };
  for (std::size_t i = 0; i < values.size(); ++i) {
    require_struct(kSizesOf<Struct>, element(i), size);
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::memcpy(element(i), &size, sizeof size);
    write_struct(values[i], reinterpret_cast<Struct*>(element(i)));
  }
}

}  // namespace vkc
