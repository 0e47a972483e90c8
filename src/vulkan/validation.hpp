// What the Khronos validation layer says, kept for the whole process: leaks are reported only when
// a device is destroyed, after its context is gone.
#pragma once

#include <cstdint>

namespace vkc {

void record_validation_message(const char* text) noexcept;
uint32_t validation_message_count() noexcept;
const char* validation_message(uint32_t index) noexcept;

}  // namespace vkc
