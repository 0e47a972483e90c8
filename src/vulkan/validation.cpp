#include "vulkan/validation.hpp"

#include <array>
#include <cstdio>
#include <mutex>

namespace vkc {

namespace {

constexpr uint32_t kKept = 100;
constexpr std::size_t kTextCapacity = 1024;

struct Log {
  std::mutex mutex;
  uint32_t count = 0;
  std::array<std::array<char, kTextCapacity>, kKept> texts{};
};

Log& log() {
  static Log instance;
  return instance;
}

}  // namespace

void record_validation_message(const char* text) noexcept {
  Log& all = log();
  const std::scoped_lock lock(all.mutex);
  if (all.count < kKept) {
    std::snprintf(all.texts.at(all.count).data(), kTextCapacity, "%s", text);
  }
  ++all.count;
}

uint32_t validation_message_count() noexcept {
  Log& all = log();
  const std::scoped_lock lock(all.mutex);
  return all.count;
}

const char* validation_message(uint32_t index) noexcept {
  Log& all = log();
  const std::scoped_lock lock(all.mutex);
  return index < all.count && index < kKept ? all.texts.at(index).data() : nullptr;
}

}  // namespace vkc
