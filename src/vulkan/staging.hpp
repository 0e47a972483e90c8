// Host memory for transfers to and from device memory that the host cannot map. It is slow to
// allocate, so it is kept from one call to the next.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "vulkan/buffer.hpp"
#include "vulkan/device.hpp"
#include "vulkan/submission.hpp"

namespace vkc {

// The size of a half: large enough that the cost of starting a transfer is negligible.
inline constexpr uint64_t kStagingBytes = 16ULL << 20;

// Staging memory in two halves: the host works on one while the device works on the other.
class Staging {
 public:
  struct Half {
    Submission submission;
    Buffer buffer;
  };

  // The halves, lent for the length of a call. Nothing of theirs is in flight before and after.
  class Loan {
   public:
    explicit Loan(std::array<Half, 2>& halves) : halves_(halves) {}
    Loan(const Loan&) = delete;
    ~Loan() {
      for (Half& half : halves_) half.submission.abandon();
    }
    [[nodiscard]] Half& at(std::size_t which) { return halves_.at(which); }

   private:
    std::array<Half, 2>& halves_;
  };

  explicit Staging(const Device& device)
      : device_(device), halves_{Half{Submission(device), {}}, Half{Submission(device), {}}} {}

  [[nodiscard]] const Device& device() const { return device_; }

  // The halves, with at least so many bytes each. Throws Error (OUT_OF_DEVICE_MEMORY).
  Loan borrow(uint64_t bytes);

  // What halves of so many bytes take.
  static Footprint footprint(const Device& device, uint64_t bytes);

 private:
  const Device& device_;
  std::array<Half, 2> halves_;
};

// Elements that are transferred or computed together.
template <typename Count>
struct Piece {
  Count first = 0;
  Count count = 0;
};

// Works through `count` elements in pieces of at most `at_once`. Two pieces may be in flight, which
// are numbered 0 and 1 in turn: a piece is finished before the next of its number starts.
template <typename Count, typename Start, typename Finish>
void in_pieces(Count count, Count at_once, const Start& start, const Finish& finish) {
  std::array<Piece<Count>, 2> pieces;
  std::size_t which = 0;
  const auto finish_turn = [&] {
    if (pieces.at(which).count > 0) finish(which, pieces.at(which));
    pieces.at(which) = {};
  };
  for (Count done = 0; done < count; which ^= 1U) {
    finish_turn();
    pieces.at(which) = {done, std::min<Count>(at_once, count - done)};
    start(which, pieces.at(which));
    done += pieces.at(which).count;
  }
  finish_turn();
  which ^= 1U;
  finish_turn();
}

// Writes bytes [begin, end) of what is uploaded to `to`.
using Fill = std::function<void(std::byte* to, uint64_t begin, uint64_t end)>;

// Fills a device buffer: its first `bytes` bytes, in pieces that begin at multiples of `unit`.
void upload(Staging& staging, const Buffer& to, uint64_t bytes, uint64_t unit, const Fill& fill);

// Fills it with a copy of bytes of the host.
void upload(Staging& staging, const Buffer& to, const void* from, uint64_t bytes);

// The bytes of each half of the staging memory that upload() takes.
uint64_t upload_staging_bytes(const Device& device, uint64_t bytes, uint64_t unit);

}  // namespace vkc
