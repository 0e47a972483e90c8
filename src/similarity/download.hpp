// The way of similarities to the caller: rows of the matrix, from the device into the host's memory
// as float32.
#pragma once

#include <cstdint>
#include <span>

#include "similarity/resident.hpp"
#include "similarity/similarity.hpp"
#include "vulkan/staging.hpp"

namespace vkc {

// How rows of the matrix come to the caller.
struct RowsRoute {
  bool whole;  // through a matrix of all rows, which stays: each pair is multiplied once
  // Else: rows that are computed together, while those before are on their way; and the blocks of
  // so many rows that this asks for, 1 or 2.
  uint32_t at_once = 0;
  uint32_t blocks = 0;
};

// The route of `count` rows of n, where the matrix is not there and the device has `available`
// bytes left.
RowsRoute rows_route(const Device& device, uint32_t n, uint32_t count, uint64_t available);

// The bytes that rows of n take of each half of the staging memory on that route.
uint64_t download_staging_bytes(const Device& device, uint32_t n, const RowsRoute& route);

// Copies items first .. first + count - 1 of a similarity matrix of n items to the host, as
// float32. order: the row and column of each item in the matrix; empty where that is its id.
void download_rows(Staging& staging, const MatrixRows& matrix, uint32_t first, uint32_t count,
                   uint32_t n, std::span<const uint32_t> order, float* output);

// The same where there is no matrix: rows are computed, a block of the route at a time, while those
// before are on their way.
void compute_and_download_rows(Staging& staging, Similarity& similarity, const RowsRoute& route,
                               uint32_t first, uint32_t count, uint32_t n, float* output);

}  // namespace vkc
