// No containers of the standard library here: an inline function of theirs, compiled for this
// machine, could be the copy that the linker keeps for the whole program.
#include "peer.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <memory>

#include "parallel.hpp"

namespace bench {

namespace {

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
constexpr const char* kTarget = "-march=native: AVX-512";
constexpr std::size_t kVectorBytes = 64;
constexpr uint32_t kTileRows = 8;  // with two vectors a row, what the registers hold
bool runs_here() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0;
}
#elif defined(__AVX2__)
constexpr const char* kTarget = "-march=native: AVX2";
constexpr std::size_t kVectorBytes = 32;
constexpr uint32_t kTileRows = 4;
bool runs_here() { return __builtin_cpu_supports("avx2") != 0; }
#elif defined(__x86_64__)
constexpr const char* kTarget = "baseline x86-64: SSE2";
constexpr std::size_t kVectorBytes = 16;
constexpr uint32_t kTileRows = 4;
bool runs_here() { return true; }
#else
constexpr const char* kTarget = "the compiler's target";
constexpr std::size_t kVectorBytes = 16;
constexpr uint32_t kTileRows = 4;
bool runs_here() { return true; }
#endif

// ---- Similarity, pair by pair
// ---------------------------------------------------------------------

constexpr uint32_t kBlock = 32;  // rows that stay in a cache together

// Calls body(i, j) for every pair of items, i <= j.
template <typename Body>
void for_each_pair(uint32_t n, unsigned threads, Body body) {
  const uint32_t blocks = (n + kBlock - 1) / kBlock;
  parallel(threads, blocks, [&](uint32_t row_block) {
    const uint32_t end_row = std::min((row_block + 1) * kBlock, n);
    for (uint32_t column_block = row_block; column_block < blocks; ++column_block) {
      const uint32_t end_column = std::min((column_block + 1) * kBlock, n);
      for (uint32_t i = row_block * kBlock; i < end_row; ++i) {
        for (uint32_t j = std::max(i, column_block * kBlock); j < end_column; ++j) body(i, j);
      }
    }
  });
}

float product(const float* left, const float* right, uint32_t d) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (uint32_t k = 0; k < d; ++k) sum += left[k] * right[k];
  return sum;
}

void similarity_plain(const float* rows, uint32_t n, uint32_t d, float* out, unsigned threads) {
  for_each_pair(n, threads, [&](uint32_t i, uint32_t j) {
    const float* left = rows + std::size_t{i} * d;
    const float* right = rows + std::size_t{j} * d;
    const float sum = product(left, right, d);
    out[std::size_t{i} * n + j] = sum;
    out[std::size_t{j} * n + i] = sum;
  });
}

constexpr int64_t kOne = int64_t{1} << 30;

void similarity_int(const int32_t* units, uint32_t n, uint32_t d, int32_t* out, unsigned threads) {
  for_each_pair(n, threads, [&](uint32_t i, uint32_t j) {
    const int32_t* left = units + std::size_t{i} * d;
    const int32_t* right = units + std::size_t{j} * d;
    int64_t sum = 0;
    for (uint32_t k = 0; k < d; ++k) sum += int64_t{left[k]} * right[k];
    const int64_t cosine = std::clamp((sum + kOne / 2) >> 30, -kOne, kOne);
    const auto entry = static_cast<int32_t>(i == j ? kOne : cosine);
    out[std::size_t{i} * n + j] = entry;
    out[std::size_t{j} * n + i] = entry;
  });
}

// ---- Similarity in tiles ------------------------------------------------------------------------

typedef float Vector __attribute__((vector_size(kVectorBytes)));

constexpr uint32_t kLanes = kVectorBytes / sizeof(float);
constexpr uint32_t kTileColumns = 2 * kLanes;
constexpr uint32_t kStripRows = 64;  // rows that a thread takes at a time

// One tile of products: kTileRows rows by the columns of one panel, in registers.
void multiply_tile(const float* rows, uint32_t d, const float* panel, Vector* sums) {
  Vector local[kTileRows][2] = {};
  for (uint32_t k = 0; k < d; ++k) {
    Vector left;
    Vector right;
    std::memcpy(&left, panel + std::size_t{k} * kTileColumns, sizeof(left));
    std::memcpy(&right, panel + std::size_t{k} * kTileColumns + kLanes, sizeof(right));
    for (uint32_t r = 0; r < kTileRows; ++r) {
      const float x = rows[std::size_t{r} * d + k];
      local[r][0] += x * left;
      local[r][1] += x * right;
    }
  }
  std::memcpy(sums, local, sizeof(local));
}

void similarity_tiled(const float* rows, uint32_t n, uint32_t d, float* out, unsigned threads) {
  // Panels of columns, each with dimension after dimension side by side; zeros past the last item.
  const uint32_t panels = (n + kTileColumns - 1) / kTileColumns;
  const std::size_t panel_size = std::size_t{kTileColumns} * d;
  const std::unique_ptr<float[]> packed(new float[panels * panel_size]());
  parallel(threads, panels, [&](uint32_t p) {
    const uint32_t first = p * kTileColumns;
    for (uint32_t j = first; j < std::min(first + kTileColumns, n); ++j) {
      for (uint32_t k = 0; k < d; ++k) {
        packed[p * panel_size + std::size_t{k} * kTileColumns + (j - first)] =
            rows[std::size_t{j} * d + k];
      }
    }
  });
  parallel(threads, (n + kStripRows - 1) / kStripRows, [&](uint32_t strip) {
    const uint32_t begin = strip * kStripRows;
    const uint32_t end = std::min(begin + kStripRows, n);
    const uint32_t height = std::min(kTileRows, end - begin);
    // Only from the diagonal on: the other half is the same.
    for (uint32_t p = begin / kTileColumns; p < panels; ++p) {
      for (uint32_t i = begin; i < end; i += kTileRows) {
        // The last tile reaches back over rows already done rather than past the end.
        const uint32_t first = std::min(i, end - height);
        float tile[kTileRows][kTileColumns];
        if (height == kTileRows) {
          Vector sums[kTileRows * 2];
          multiply_tile(rows + std::size_t{first} * d, d, packed.get() + p * panel_size, sums);
          std::memcpy(tile, sums, sizeof(tile));
        } else {
          for (uint32_t r = 0; r < height; ++r) {
            for (uint32_t c = 0; c < kTileColumns; ++c) {
              tile[r][c] = 0;
              for (uint32_t k = 0; k < d; ++k) {
                tile[r][c] += rows[std::size_t{first + r} * d + k] *
                              packed[p * panel_size + std::size_t{k} * kTileColumns + c];
              }
            }
          }
        }
        const uint32_t column = p * kTileColumns;
        const uint32_t width = std::min(kTileColumns, n - column);
        for (uint32_t r = 0; r < height; ++r) {
          std::memcpy(out + std::size_t{first + r} * n + column, tile[r], width * sizeof(float));
        }
        for (uint32_t c = 0; c < width; ++c) {
          float* mirrored = out + std::size_t{column + c} * n + first;
          for (uint32_t r = 0; r < height; ++r) mirrored[r] = tile[r][c];
        }
      }
    }
  });
}

// ---- Walks --------------------------------------------------------------------------------------

// Added to the sums of chosen items, which are then the smallest no more: more than all
// contributions together.
constexpr int64_t kChosen = int64_t{1} << 62;
constexpr uint32_t kChunk = 256;

// Adds a row to the sums and returns the item with the smallest, the lowest id on a tie.
uint32_t step(const int32_t* row, uint32_t n, int64_t* sums) {
  int64_t smallest = INT64_MAX;
  uint32_t chunk = 0;
  for (uint32_t first = 0; first < n; first += kChunk) {
    const uint32_t end = std::min(first + kChunk, n);
    int64_t least = INT64_MAX;
#pragma omp simd reduction(min : least)
    for (uint32_t j = first; j < end; ++j) {
      const int64_t sum = sums[j] + row[j];
      sums[j] = sum;
      least = sum < least ? sum : least;
    }
    if (least < smallest) {
      smallest = least;
      chunk = first;
    }
  }
  while (sums[chunk] != smallest) ++chunk;
  return chunk;
}

void walks(const int32_t* contributions, uint32_t n, const uint32_t* starts, uint32_t count,
           uint32_t length, uint32_t* out, unsigned threads) {
  parallel(threads, count, [&](uint32_t w) {
    const std::unique_ptr<int64_t[]> sums(new int64_t[n]());
    uint32_t* sequence = out + std::size_t{w} * length;
    uint32_t latest = starts[w];
    for (uint32_t k = 0;; ++k) {
      sequence[k] = latest;
      if (k + 1 == length) break;
      sums[latest] += kChosen;
      latest = step(contributions + std::size_t{latest} * n, n, sums.get());
    }
  });
}

// ---- Without a matrix ---------------------------------------------------------------------------

// An item, by what it is chosen for.
struct Found {
  float value;
  uint32_t id;
};

constexpr uint32_t kItemsOfPart = 4096;  // that a thread takes at a time

void walks_by_sums(const float* items, const float* weights, uint32_t n, uint32_t d,
                   const uint32_t* starts, uint32_t count, uint32_t length, uint32_t* out,
                   unsigned threads) {
  const uint32_t parts = (n + kItemsOfPart - 1) / kItemsOfPart;
  const std::unique_ptr<float[]> sums(new float[std::size_t{count} * d]());
  const std::unique_ptr<bool[]> chosen(new bool[std::size_t{count} * n]());
  const std::unique_ptr<Found[]> best(new Found[std::size_t{count} * parts]);
  const auto choose = [&](uint32_t w, uint32_t item, uint32_t k) {
    out[std::size_t{w} * length + k] = item;
    chosen[std::size_t{w} * n + item] = true;
    for (uint32_t m = 0; m < d; ++m) {
      sums[std::size_t{w} * d + m] += weights[item] * items[std::size_t{item} * d + m];
    }
  };
  for (uint32_t w = 0; w < count; ++w) choose(w, starts[w], 0);
  for (uint32_t k = 1; k < length; ++k) {
    parallel(threads, parts, [&](uint32_t part) {
      for (uint32_t w = 0; w < count; ++w) best[std::size_t{w} * parts + part] = {INFINITY, 0};
      const uint32_t end = std::min((part + 1) * kItemsOfPart, n);
      for (uint32_t block = part * kItemsOfPart; block < end; block += kBlock) {
        for (uint32_t w = 0; w < count; ++w) {
          Found& least = best[std::size_t{w} * parts + part];
          for (uint32_t j = block; j < std::min(block + kBlock, end); ++j) {
            const float sum =
                product(items + std::size_t{j} * d, sums.get() + std::size_t{w} * d, d);
            if (sum < least.value && !chosen[std::size_t{w} * n + j]) least = {sum, j};
          }
        }
      }
    });
    for (uint32_t w = 0; w < count; ++w) {
      const Found* first = best.get() + std::size_t{w} * parts;
      const Found* least = std::min_element(
          first, first + parts, [](const Found& a, const Found& b) { return a.value < b.value; });
      choose(w, least->id, k);
    }
  }
}

void nearest(const float* items, uint32_t n, uint32_t d, const float* vectors, uint32_t count,
             uint32_t first_own, uint32_t k, uint32_t* out, unsigned threads) {
  parallel(threads, (count + kBlock - 1) / kBlock, [&](uint32_t strip) {
    const uint32_t begin = strip * kBlock;
    const uint32_t end = std::min(begin + kBlock, count);
    const std::unique_ptr<Found[]> found(new Found[std::size_t{kBlock} * n]);
    for (uint32_t block = 0; block < n; block += kBlock) {
      for (uint32_t i = begin; i < end; ++i) {
        for (uint32_t j = block; j < std::min(block + kBlock, n); ++j) {
          const float sum = product(vectors + std::size_t{i} * d, items + std::size_t{j} * d, d);
          found[std::size_t{i - begin} * n + j] = {sum, j};
        }
      }
    }
    for (uint32_t i = begin; i < end; ++i) {
      Found* row = found.get() + std::size_t{i - begin} * n;
      if (first_own < n) row[first_own + i].value = -INFINITY;
      std::partial_sort(row, row + k, row + n, [](const Found& a, const Found& b) {
        return a.value > b.value || (a.value == b.value && a.id < b.id);
      });
      for (uint32_t place = 0; place < k; ++place) out[std::size_t{i} * k + place] = row[place].id;
    }
  });
}

}  // namespace

const Peer VKC_PEER = {kTarget,        runs_here, similarity_plain, similarity_tiled,
                       similarity_int, walks,     walks_by_sums,    nearest};

}  // namespace bench
