#include "similarity/row_source.hpp"

#include <utility>

namespace vkc {

Footprint RowSizes::footprint(const Device& device, uint32_t n) const {
  if (whole) return DeviceMatrix::footprint(device, n, n);
  Footprint footprint;
  for (uint32_t b = 0; b < blocks; ++b) footprint += DeviceMatrix::footprint(device, at_once, n);
  return footprint;
}

bool RowSizes::is_readable(const Device& device, uint32_t n) const {
  return DeviceMatrix::bytes(whole ? n : at_once, n) <=
         DeviceMatrix::most_bytes(device, n, UINT64_MAX);
}

namespace {

// Where known similarities are in these rows.
std::vector<SpotCheck::Spot> spots(const DeviceRows& rows,
                                   const std::vector<KnownSimilarity>& known) {
  std::vector<SpotCheck::Spot> spots;
  spots.reserve(known.size());
  for (const KnownSimilarity& pair : known) {
    spots.push_back({pair, rows.row_of(pair.first), rows.column_of(pair.second)});
  }
  return spots;
}

}  // namespace

void RowSource::Loan::begin(std::size_t which, uint32_t first, uint32_t count,
                            const Similarity::Follow& follow) {
  if (!whole_) {
    const DeviceRows rows = at(which, first);
    const auto check_and_follow = [&](const vk::raii::CommandBuffer& commands) {
      source_.check_.record(commands, which, rows.matrix,
                            spots(rows, source_.known_in_rows(first, count)));
      if (follow) follow(commands);
    };
    source_.similarity_.begin_rows(which, rows.matrix, first, count, check_and_follow);
  } else if (follow) {
    source_.similarity_.begin_commands(which, follow);
  }
}

void RowSource::Loan::wait(std::size_t which) {
  source_.similarity_.wait(which);
  if (!whole_) source_.check_.compare(which, source_.blocks_[which]);
}

DeviceRows RowSource::Loan::at(std::size_t which, uint32_t first) const {
  const ItemOrder& order = source_.embeddings_.order;
  if (whole_) return {*source_.matrix_, order, order.is_reordered(), 0};
  return {source_.blocks_[which], order, false, first};
}

RowChoice RowSource::choose(const Device& device, uint32_t n, uint32_t count, uint64_t available) {
  // Half of the memory at most, so that enough is left for walks and the rows of other calls.
  const uint64_t most = DeviceMatrix::most_bytes(device, n, available) / 2;
  if (count < n || DeviceMatrix::bytes(n, n) > most) return {false, available};
  return {true, bytes_left(available, DeviceMatrix::footprint(device, n, n).device)};
}

RowChoice RowSource::choose(uint32_t count) const {
  const uint64_t available = available_bytes();
  if (queries_ != nullptr) return {false, available};
  if (is_filled_) return {true, available};
  if (matrix_ && count == embeddings_.n) return {true, bytes_left(available, matrix_->bytes())};
  return choose(staging_.device(), embeddings_.n, count, available);
}

RowSource::Loan RowSource::borrow(const RowSizes& sizes) {
  if (sizes.whole) {
    whole();
  } else {
    drop_unfilled();
    if (blocks_.size() < sizes.blocks || blocks_.front().rows() < sizes.at_once) {
      blocks_.clear();
      blocks_.reserve(sizes.blocks);
      for (uint32_t b = 0; b < sizes.blocks; ++b) {
        blocks_.emplace_back(staging_, sizes.at_once, embeddings_.n);
      }
    }
  }
  return {*this, sizes.whole};
}

const DeviceMatrix& RowSource::whole() {
  if (is_filled_) return *matrix_;
  blocks_.clear();
  if (!matrix_) matrix_ = std::make_unique<DeviceMatrix>(staging_, embeddings_.n, embeddings_.n);
  const DeviceRows rows{*matrix_, embeddings_.order, embeddings_.order.is_reordered(), 0};
  const auto record_check = [&](const vk::raii::CommandBuffer& commands) {
    check_.record(commands, 0, *matrix_, spots(rows, embeddings_.known.in_rows(0, embeddings_.n)));
  };
  Progress& progress = staging_.device().progress();
  Progress::Phase phase(progress, VKC_PHASE_MATRIX, similarity_.tiles_of_matrix());
  // After any other error it begins anew.
  uint64_t filled = std::exchange(filled_tiles_, 0);
  try {
    progress.advance(filled);
    similarity_.fill(*matrix_, filled, record_check);
  } catch (const Stopped&) {
    filled_tiles_ = filled;
    throw;
  }
  check_.compare(0, *matrix_);
  is_filled_ = true;
  phase.finish();
  return *matrix_;
}

std::vector<KnownSimilarity> RowSource::known_in_rows(uint32_t first, uint32_t count) const {
  return queries_ == nullptr ? embeddings_.known.in_rows(first, count)
                             : queries_->known_in_rows(first, count);
}

uint64_t RowSource::available_bytes() const {
  uint64_t bytes = staging_.device().available_bytes();
  if (matrix_ && !is_filled_) bytes += matrix_->bytes();
  for (const DeviceMatrix& block : blocks_) bytes += block.bytes();
  return bytes;
}

void RowSource::free_unused() {
  blocks_.clear();
  drop_unfilled();
}

void RowSource::drop_unfilled() {
  if (is_filled_) return;
  matrix_.reset();
  filled_tiles_ = 0;
}

void RowSource::reuse_matrix_of(RowSource& other) {
  if (other.embeddings_.n == embeddings_.n) matrix_ = std::move(other.matrix_);
}

}  // namespace vkc
