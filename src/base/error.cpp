#include "base/error.hpp"

#include <array>
#include <cstdio>

namespace vkc {

namespace {

// A fixed array: recording that memory ran out must not need memory.
constexpr std::size_t kMessageCapacity = 1024;
thread_local std::array<char, kMessageCapacity> message_of_thread{};

}  // namespace

std::string format_bytes(unsigned long long bytes) {
  std::array<char, 64> text{};
  constexpr double kMega = 1e6;
  std::snprintf(text.data(), text.size(), "%llu bytes (%.1f MB)", bytes,
                static_cast<double>(bytes) / kMega);
  return text.data();
}

void set_last_error(const char* message) noexcept {
  std::snprintf(message_of_thread.data(), message_of_thread.size(), "%s", message);
  // The message is promised to be one line; drivers' texts need not be.
  for (char& c : message_of_thread) {
    if (c == '\n' || c == '\r') c = ' ';
  }
}

const char* last_error() noexcept { return message_of_thread.data(); }

const char* result_name(VkcResult result) noexcept {
  switch (result) {
    case VKC_SUCCESS:
      return "VKC_SUCCESS";
    case VKC_ERROR_NULL_POINTER:
      return "VKC_ERROR_NULL_POINTER";
    case VKC_ERROR_INVALID_ARGUMENT:
      return "VKC_ERROR_INVALID_ARGUMENT";
    case VKC_ERROR_EMPTY_EMBEDDINGS:
      return "VKC_ERROR_EMPTY_EMBEDDINGS";
    case VKC_ERROR_NOT_FINITE:
      return "VKC_ERROR_NOT_FINITE";
    case VKC_ERROR_ITEM_OUT_OF_RANGE:
      return "VKC_ERROR_ITEM_OUT_OF_RANGE";
    case VKC_ERROR_INVALID_LENGTH:
      return "VKC_ERROR_INVALID_LENGTH";
    case VKC_ERROR_NO_EMBEDDINGS:
      return "VKC_ERROR_NO_EMBEDDINGS";
    case VKC_ERROR_DOES_NOT_FIT:
      return "VKC_ERROR_DOES_NOT_FIT";
    case VKC_ERROR_OUT_OF_HOST_MEMORY:
      return "VKC_ERROR_OUT_OF_HOST_MEMORY";
    case VKC_ERROR_OUT_OF_DEVICE_MEMORY:
      return "VKC_ERROR_OUT_OF_DEVICE_MEMORY";
    case VKC_ERROR_NO_VULKAN_LOADER:
      return "VKC_ERROR_NO_VULKAN_LOADER";
    case VKC_ERROR_NO_VULKAN_DRIVER:
      return "VKC_ERROR_NO_VULKAN_DRIVER";
    case VKC_ERROR_NO_SUCH_DEVICE:
      return "VKC_ERROR_NO_SUCH_DEVICE";
    case VKC_ERROR_DEVICE_UNSUITABLE:
      return "VKC_ERROR_DEVICE_UNSUITABLE";
    case VKC_ERROR_DEVICE_LOST:
      return "VKC_ERROR_DEVICE_LOST";
    case VKC_ERROR_NO_VALIDATION_LAYER:
      return "VKC_ERROR_NO_VALIDATION_LAYER";
    case VKC_ERROR_VULKAN:
      return "VKC_ERROR_VULKAN";
    case VKC_ERROR_CONTEXT_BUSY:
      return "VKC_ERROR_CONTEXT_BUSY";
    case VKC_ERROR_INTERNAL:
      return "VKC_ERROR_INTERNAL";
    case VKC_ERROR_WRONG_RESULT:
      return "VKC_ERROR_WRONG_RESULT";
    case VKC_ERROR_STOPPED:
      return "VKC_ERROR_STOPPED";
  }
  return "VKC_ERROR_UNKNOWN";
}

}  // namespace vkc
