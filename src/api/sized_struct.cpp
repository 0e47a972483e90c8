#include "api/sized_struct.hpp"

#include "base/error.hpp"

namespace vkc {

namespace {

// No release's struct will be longer. A greater struct_size was never set, and as many bytes need
// not be there to be looked at.
constexpr uint32_t kMostStructBytes = 4096;

}  // namespace

uint32_t struct_size_of(const void* given) {
  uint32_t size = 0;
  std::memcpy(&size, given, sizeof size);
  return size;
}

void require_struct(const StructSizes& sizes, const void* given, uint32_t size) {
  if (size < sizes.first || size > kMostStructBytes) {
    fail(VKC_ERROR_INVALID_ARGUMENT, sizes.name, ".struct_size is ", size, " and must be from ",
         sizes.first, " to ", kMostStructBytes, ": set it to sizeof(", sizes.name, ")");
  }
  const auto* bytes = static_cast<const unsigned char*>(given);
  for (uint32_t i = sizes.known; i < size; ++i) {
    if (bytes[i] == 0) continue;
    fail(VKC_ERROR_INVALID_ARGUMENT, sizes.name, " has ", size, " bytes, of which this library (",
         vkc_version_string(), ") knows the first ", sizes.known, ", and byte ", i,
         " is not 0: set bytes ", sizes.known, " to ", size - 1,
         " to 0, or use the library of the header that has them");
  }
}

}  // namespace vkc
