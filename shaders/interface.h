// What the host passes to the kernels: read by C++ and by GLSL, so that the two cannot differ.
// Addresses are device addresses; pitches count 32-bit elements.
#ifndef VKC_SHADERS_INTERFACE_H
#define VKC_SHADERS_INTERFACE_H

#ifdef __cplusplus
#include <cstdint>
namespace vkc {
using uint = uint32_t;
#endif

// Up to 2^ID_BITS items, walks pack ids and sums into 64 bits.
const uint ID_BITS = 15;

// The similarity matrix lies in blocks of 2^block_shift rows, an address each.

struct SimilarityPush {
  uint64_t units;       // int32 [rows][units_pitch]
  uint64_t blocks;      // uint64 addresses of blocks of the output, int32 [rows][matrix_pitch]
  uint64_t units_rows;  // uint [items]: where each item's unit vector is; 0: in order
  uint units_pitch;
  uint matrix_pitch;
  uint block_shift;
  uint first_row;     // the item in row 0 of the output
  uint end_row;       // one past the item in its last row
  uint first_tile;    // of this dispatch
  uint tiles_across;  // tiles in a row of tiles
  uint triangle;      // 1: tiles on and above the diagonal, mirrored; 0: all tiles
};

struct WalkPush {
  uint64_t blocks;   // uint64 addresses of the matrix's blocks
  uint64_t weights;  // int32 [n]
  uint64_t ids;      // uint [n]: the id of the item in each row; where rows are not in that order
  uint64_t rows;     // uint [n]: the row of each item; likewise
  uint64_t slots;    // uint [workgroups]: which walk's state a workgroup goes on with
  uint64_t sums;     // [walks][matrix_pitch]: A_j, int64 or, in walk_window.comp, 32 bits of it
  uint64_t latest;   // uint [walks]: the row of the latest item chosen, not yet in the sums
  uint64_t chosen;   // uint [workgroups][steps]: out, the ids of the items chosen by this dispatch
  uint64_t outside;  // uint: out, 1 where sums of 32 bits were too short, else unchanged
  uint n;
  uint matrix_pitch;
  uint block_shift;
  uint steps;
  uint fresh;  // 1: the walks are at their start, and the sums hold nothing yet
};

// A neighbour is a key of 32 + id_bits bits: 2^30 less its cosine, and below that its id. So the
// most similar has the smallest key, and of equally similar ones that with the lowest id.
struct NeighborsPush {
  uint64_t blocks;     // uint64 addresses of blocks of rows, int32 [rows][matrix_pitch]
  uint64_t neighbors;  // uint64 [workgroups][k]: out, keys
  uint64_t ids;        // uint [n]: the item in each row and column; 0: in order
  uint64_t rows;       // uint [n]: the row and column of each item; likewise
  uint n;
  uint matrix_pitch;
  uint block_shift;
  uint first_item;  // the item in row 0 of the blocks
  uint first_row;   // of this dispatch
  uint k;           // 1 to n - 1
  uint id_bits;     // that hold every id
  uint sort_size;   // a power of two, k or more: keys go out in order; 0: in any order
};

#ifdef __cplusplus
}  // namespace vkc
#endif

#endif
