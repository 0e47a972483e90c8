#include "similarity/spot_check.hpp"

#include <cmath>
#include <utility>

#include "base/error.hpp"

namespace vkc {

namespace {

constexpr const char* kWhatToDo =
    "its driver has failed; make a new context, and if that fails, too, choose another device "
    "(VKC_DEVICE) or another version of the driver";

}  // namespace

void fail_as_wrong(const KnownSimilarity& known, double found) {
  fail(VKC_ERROR_WRONG_RESULT, "the device computes wrong similarities (of items ", known.first,
       " and ", known.second, " it is ", known.value, " in fixed point, the device has ",
       std::llrint(found), "): ", kWhatToDo);
}

void fail_as_missing(const KnownSimilarity& known) {
  fail(VKC_ERROR_WRONG_RESULT, "the device finds wrong neighbours (not, with ", known.value,
       " in fixed point, item ", known.second, " for ", known.first, "): ", kWhatToDo);
}

void fail_as_idle() {
  fail(VKC_ERROR_WRONG_RESULT, "the device computes nothing, which is a wrong result: ", kWhatToDo);
}

void SpotCheck::record(const vk::raii::CommandBuffer& commands, std::size_t which,
                       const DeviceMatrix& matrix, std::vector<Spot> spots) {
  Turn& turn = turns_.at(which);
  turn.spots = std::move(spots);
  if (matrix.is_mapped()) return;
  if (turn.copies.bytes() == 0) {
    turn.copies = Buffer(device_, KnownSimilarities::kMost * sizeof(int32_t), MemoryUse::kStaging);
  }
  vk::DeviceSize to = 0;
  for (const Spot& spot : turn.spots) {
    const DeviceMatrix::Place row = matrix.place(spot.row);
    const vk::BufferCopy copy(row.offset + spot.column * sizeof(int32_t), to, sizeof(int32_t));
    commands.copyBuffer(row.block, turn.copies.handle(), copy);
    to += sizeof(int32_t);
  }
}

void SpotCheck::compare(std::size_t which, const DeviceMatrix& matrix) {
  const std::vector<Spot> spots = std::exchange(turns_.at(which).spots, {});
  const auto* copies = turns_.at(which).copies.mapped_as<int32_t>();
  for (std::size_t i = 0; i < spots.size(); ++i) {
    const auto& [known, row, column] = spots[i];
    const int32_t found = matrix.is_mapped() ? matrix.mapped_row(row)[column] : copies[i];
    if (found != known.value) fail_as_wrong(known, found);
  }
}

}  // namespace vkc
