#include "vulkan/staging.hpp"

#include <algorithm>
#include <cstring>

namespace vkc {

Staging::Loan Staging::borrow(uint64_t bytes) {
  for (Half& half : halves_) {
    if (half.buffer.bytes() >= bytes) continue;
    half.buffer = {};  // freed before the larger one is allocated
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
  const uint64_t at_once = piece_bytes(bytes, unit);
  if (to.mapped() != nullptr) {
    for (uint64_t done = 0; done < bytes; done += at_once) {
      fill(to.mapped_as<std::byte>() + done, done, std::min(done + at_once, bytes));
      staging.device().progress().tell_if_due();
    }
    return;
  }
  Staging::Loan halves = staging.borrow(at_once);
  const auto start = [&](std::size_t which, const Piece<uint64_t>& piece) {
    Staging::Half& half = halves.at(which);
    fill(half.buffer.mapped_as<std::byte>(), piece.first, piece.first + piece.count);
    half.submission.begin().copyBuffer(half.buffer.handle(), to.handle(),
                                       vk::BufferCopy(0, piece.first, piece.count));
    half.submission.submit();
  };
  const auto finish = [&](std::size_t which, const Piece<uint64_t>& /*piece*/) {
    halves.at(which).submission.wait();
  };
  in_pieces(bytes, at_once, start, finish);
}

void upload(Staging& staging, const Buffer& to, const void* from, uint64_t bytes) {
  upload(staging, to, bytes, 1, [&](std::byte* piece, uint64_t begin, uint64_t end) {
    std::memcpy(piece, static_cast<const std::byte*>(from) + begin, end - begin);
  });
}

}  // namespace vkc
