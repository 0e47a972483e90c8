#include "similarity/neighbors.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "base/error.hpp"
#include "base/host_threads.hpp"
#include "shaders/interface.h"
#include "similarity/fixed_point.hpp"
#include "vulkan/kernel_table.hpp"
#include "vulkan/submission.hpp"

namespace vkc {

namespace {

// Memory for rows of the matrix at a time: enough that the device is busy.
constexpr uint64_t kRowsBytes = 64ULL << 20;

// Neighbours to hand over that are worth a thread of their own.
constexpr uint64_t kLeastNeighbors = 1U << 16;

// Of a workgroup on a GPU.
constexpr uint32_t kGpuInvocations = 256;
// More than this many with barriers crashed lavapipe.
constexpr uint32_t kMostCpuInvocations = 64;

// Row elements that the kernel selects from a second, on a slow device of its kind.
constexpr double kCpuRate = 2e7;
constexpr double kGpuRate = 1e9;

uint32_t bits_of_ids(uint32_t n) { return static_cast<uint32_t>(std::bit_width(n - 1)); }

// The most iterations of neighbors.comp's loops, in one invocation together.
uint64_t most_iterations(uint32_t n, uint32_t invocations) {
  constexpr uint64_t kDigits = 1ULL << DIGIT_BITS;
  constexpr uint64_t kSortSteps = 55;  // of 1,024 keys
  const uint64_t vectors = uint64_t{n} / 4 + 1;
  const uint64_t digits = (32 + bits_of_ids(n)) / DIGIT_BITS + 1;
  const uint64_t clear = kDigits / invocations + 1;
  const uint64_t find =
      (DIGIT_GROUPS / invocations + 1) * (kDigits / DIGIT_GROUPS + 1) + 2 * DIGIT_GROUPS;
  const uint64_t sort =
      MOST_SORTED / invocations + kSortSteps * (MOST_SORTED / 2 / invocations + 2);
  return (digits + 1) * (vectors / invocations + 1) + digits * (clear + find + 1) + sort;
}

uint32_t invocations_for(const Device& device, uint32_t n) {
  if (!device.limits().is_cpu) {
    return std::min(kGpuInvocations, std::bit_floor(device.limits().max_workgroup_size));
  }
  // One subgroup is the fastest, but its loops are the longest.
  uint32_t invocations = device.limits().subgroup_size;
  while (most_iterations(n, invocations) > kMostCpuIterations) {
    invocations *= 2;
    if (invocations > kMostCpuInvocations) {
      fail(
          VKC_ERROR_DOES_NOT_FIT, "the neighbours of ", n,
          " embeddings are more work than one workgroup may do on a CPU: use fewer embeddings or a "
          "GPU");
    }
  }
  return invocations;
}

Kernel make_kernel(const Device& device, uint32_t n) {
  return {
      device,
      {.code = kernels::neighbors, .constants = {{WORKGROUP_SIZE_ID, invocations_for(device, n)}}}};
}

// Rows to compute at a time of those that fit: whole tiles of the similarity kernel where possible,
// since it computes those anyway.
uint32_t whole_tiles(uint64_t fitting, uint32_t left) {
  const uint64_t whole = fitting < kTile ? std::max<uint64_t>(fitting, 1) : fitting / kTile * kTile;
  return static_cast<uint32_t>(std::min<uint64_t>(whole, left));
}

struct NeighborSizes {
  uint32_t rows;  // of the matrix at a time; 0: it is elsewhere
  uint64_t keys;  // in one submission
};

NeighborSizes sizes_for(const Device& device, uint32_t n, uint32_t count, uint32_t k,
                        bool with_rows, uint64_t available) {
  // The keys are there three times, twice of these in staging memory, which may be the device's
  // own.
  const uint64_t share = available / 8;
  const uint64_t rows_bytes =
      std::min({kRowsBytes, share, MatrixRows::most_bytes(device, n, available)});
  const uint32_t rows = with_rows ? whole_tiles(rows_bytes / MatrixRows::bytes(1, n), count) : 0;
  const uint64_t fitting = std::min(kStagingBytes, share) / (uint64_t{k} * sizeof(uint64_t));
  return {rows, std::clamp<uint64_t>(fitting, 1, with_rows ? rows : count) * k};
}

// Puts k neighbours of each of `count` items, as keys, into the output.
void deliver(HostThreads& threads, uint64_t* keys, uint32_t count, uint32_t k, uint32_t id_bits,
             uint32_t* ids, float* similarities) {
  constexpr auto kScale = static_cast<float>(1.0 / kFixedPointOne);
  const uint64_t id_mask = (uint64_t{1} << id_bits) - 1;
  threads.for_each(count, kLeastNeighbors / k + 1, [=](uint64_t i) {
    uint64_t* of_item = keys + i * k;
    if (k > MOST_SORTED) std::sort(of_item, of_item + k);
    for (uint64_t place = 0; place < k; ++place) {
      ids[i * k + place] = static_cast<uint32_t>(of_item[place] & id_mask);
      if (similarities == nullptr) continue;
      const auto below_one = static_cast<uint32_t>(of_item[place] >> id_bits);
      // The product with a power of two is exact, so the conversion is the one rounding.
      similarities[i * k + place] = static_cast<float>(kFixedPointOne - below_one) * kScale;
    }
  });
}

}  // namespace

Neighbors::Neighbors(Staging& staging, const ResidentEmbeddings& embeddings, Similarity& similarity)
    : device_(staging.device()),
      staging_(staging),
      embeddings_(embeddings),
      similarity_(similarity),
      kernel_(make_kernel(device_, embeddings.n)),
      pacer_(kSubmissionSeconds, (device_.limits().is_cpu ? kCpuRate : kGpuRate) / embeddings.n) {}

double Neighbors::expected_rate(const Device& device, const ResidentEmbeddings& embeddings) {
  const double products = static_cast<double>(embeddings.n) * embeddings.units_pitch;
  return Similarity::expected_rate(device) / products;
}

void Neighbors::make_buffers(uint32_t rows, uint64_t keys) {
  if (rows > 0 && (!block_ || block_->rows() < rows)) {
    block_.reset();
    block_ = std::make_unique<MatrixRows>(staging_, rows, embeddings_.n);
  }
  const uint64_t bytes = keys * sizeof(uint64_t);
  if (keys_.bytes() < bytes) {
    keys_ = {};
    keys_ = Buffer(device_, bytes, MemoryUse::kDevice);
  }
}

Footprint Neighbors::rows_footprint(const Device& device, uint32_t n, uint32_t count, uint32_t k,
                                    uint64_t available) {
  return MatrixRows::footprint(device, sizes_for(device, n, count, k, true, available).rows, n);
}

Footprint Neighbors::keys_footprint(const Device& device, uint32_t n, uint32_t count, uint32_t k,
                                    bool with_rows, uint64_t available) {
  return buffer_footprint(device, staging_bytes(device, n, count, k, with_rows, available),
                          MemoryUse::kDevice);
}

uint64_t Neighbors::staging_bytes(const Device& device, uint32_t n, uint32_t count, uint32_t k,
                                  bool with_rows, uint64_t available) {
  return sizes_for(device, n, count, k, with_rows, available).keys * sizeof(uint64_t);
}

void Neighbors::find(uint32_t first, uint32_t count, uint32_t k, uint32_t* ids, float* similarities,
                     const MatrixRows* whole) {
  const auto [block_rows, keys] =
      sizes_for(device_, embeddings_.n, count, k, whole == nullptr, device_.available_bytes());
  make_buffers(block_rows, keys);
  Staging::Loan halves = staging_.borrow(keys_.bytes());
  const MatrixRows& matrix = whole != nullptr ? *whole : *block_;
  const bool reordered = whole != nullptr && embeddings_.reordered;
  const uint32_t id_bits = bits_of_ids(embeddings_.n);
  const auto most_rows = static_cast<uint32_t>(std::min<uint64_t>(
      keys_.bytes() / sizeof(uint64_t) / k, device_.limits().max_workgroup_count));
  HostThreads threads;
  std::array<Piece<uint32_t>, 2> pieces;  // items
  const auto collect = [&](std::size_t which) {
    Staging::Half& half = halves.at(which);
    if (!half.submission.in_flight()) return;
    const Piece<uint32_t>& piece = pieces.at(which);
    pacer_.measured(half.submission.wait(), piece.count);
    const std::size_t place = std::size_t{piece.first - first} * k;
    deliver(threads, half.buffer.mapped_as<uint64_t>(), piece.count, k, id_bits, ids + place,
            similarities == nullptr ? nullptr : similarities + place);
  };
  std::size_t which = 0;
  const auto select = [&](uint32_t block, uint32_t row, uint32_t rows) {
    pieces.at(which) = {block + row, rows};
    Staging::Half& half = halves.at(which);
    const vk::raii::CommandBuffer& commands = half.submission.begin();
    full_barrier(commands);
    kernel_.record(commands,
                   NeighborsPush{.blocks = matrix.block_table(),
                                 .neighbors = keys_.address(),
                                 .ids = embeddings_.ids_table.address(),
                                 .rows = embeddings_.rows_table.address(),
                                 .n = embeddings_.n,
                                 .matrix_pitch = matrix.pitch(),
                                 .block_shift = matrix.block_shift(),
                                 .first_item = block,
                                 .first_row = row,
                                 .k = k,
                                 .id_bits = id_bits,
                                 .sort_capacity = k <= MOST_SORTED ? std::bit_ceil(k) : 0,
                                 .reordered = reordered ? 1U : 0U},
                   rows);
    // Also before what overwrites the rows.
    full_barrier(commands);
    commands.copyBuffer(keys_.handle(), half.buffer.handle(),
                        vk::BufferCopy(0, 0, uint64_t{rows} * k * sizeof(uint64_t)));
    half.submission.submit();
    which ^= 1U;
    collect(which);
  };
  // Rows [from, to) of those that begin with item `block`'s.
  const auto select_all = [&](uint32_t block, uint32_t from, uint32_t to) {
    for (uint32_t row = from; row < to;) {
      const auto rows = static_cast<uint32_t>(pacer_.next(std::min(most_rows, to - row)));
      select(block, row, rows);
      row += rows;
    }
  };
  if (whole != nullptr) {
    select_all(0, first, first + count);
  } else {
    try {
      for (uint32_t done = 0; done < count;) {
        const uint32_t part = whole_tiles(matrix.rows(), count - done);
        similarity_.begin_rows(0, matrix, first + done, part);
        collect(which ^ 1U);  // the latest selection, sent before these rows
        similarity_.wait(0);
        select_all(first + done, 0, part);
        done += part;
      }
    } catch (...) {
      similarity_.abandon();
      throw;
    }
  }
  collect(which);
  collect(which ^ 1U);
}

}  // namespace vkc
