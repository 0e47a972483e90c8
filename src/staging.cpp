#include "staging.hpp"

#include <algorithm>
#include <cstring>

namespace vkc {

Staging::Loan Staging::borrow(uint64_t bytes) {
  for (Half& half : halves_) {
    if (half.buffer.bytes() >= bytes) continue;
    half.buffer = {};  // before there are two
    half.buffer = Buffer(device_, bytes, MemoryUse::kStaging);
  }
  return Loan(halves_);
}

Footprint Staging::footprint(const Device& device, uint64_t bytes) {
  return buffer_footprint(device, 2 * bytes, MemoryUse::kStaging);
}

namespace {

uint64_t piece_bytes(uint64_t bytes, uint64_t unit) {
  return std::min(bytes, std::max<uint64_t>(kStagingBytes / unit, 1) * unit);
}

}  // namespace

uint64_t upload_staging_bytes(const Device& device, uint64_t bytes, uint64_t unit) {
  return device.limits().maps_local_memory ? 0 : piece_bytes(bytes, unit);
}

void upload(Staging& staging, const Buffer& to, uint64_t bytes, uint64_t unit, const Fill& fill) {
  if (to.mapped() != nullptr) {
    fill(to.mapped_as<std::byte>(), 0, bytes);
    return;
  }
  const uint64_t at_once = piece_bytes(bytes, unit);
  Staging::Loan halves = staging.borrow(at_once);
  std::size_t which = 0;
  for (uint64_t done = 0; done < bytes; which ^= 1U) {
    Staging::Half& half = halves.at(which);
    if (half.submission.in_flight()) half.submission.wait();
    const uint64_t piece = std::min(bytes - done, at_once);
    fill(half.buffer.mapped_as<std::byte>(), done, done + piece);
    half.submission.begin().copyBuffer(half.buffer.handle(), to.handle(),
                                       vk::BufferCopy(0, done, piece));
    half.submission.submit();
    done += piece;
  }
  for (const std::size_t half : {which, which ^ 1U}) {
    if (halves.at(half).submission.in_flight()) halves.at(half).submission.wait();
  }
}

void upload(Staging& staging, const Buffer& to, const void* from, uint64_t bytes) {
  upload(staging, to, bytes, 1, [&](std::byte* piece, uint64_t begin, uint64_t end) {
    std::memcpy(piece, static_cast<const std::byte*>(from) + begin, end - begin);
  });
}

}  // namespace vkc
