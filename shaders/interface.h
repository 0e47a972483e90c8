// What the host and the kernels must agree on: read by C++ and by GLSL, so that the two cannot
// differ. Pitches count 32-bit elements.
#ifndef VKC_SHADERS_INTERFACE_H
#define VKC_SHADERS_INTERFACE_H

#ifdef __cplusplus
#include <cstdint>
namespace vkc {
using uint = uint32_t;

// An address in a push struct. It is never null, also where a kernel has no use for it: compilers
// may load from it before they decide whether the value is wanted.
class DeviceAddress {
 public:
  // Throws Error (INTERNAL) where there is no buffer. In src/vulkan/kernel.cpp.
  DeviceAddress(uint64_t address);

 private:
  uint64_t address_;
};
#else
#define DeviceAddress uint64_t
#endif

// Ids of specialisation constants. A name means the same in every kernel that has it.
const uint WORKGROUP_SIZE_ID = 0;    // invocations
const uint WEIGHTED_ID = 1;          // bool: the weights are not all 1
const uint PACKED_ID = 2;            // bool: sums carry ids
const uint REORDERED_ID = 3;         // bool: rows are not in the order of ids
const uint ROUNDS_ID = 4;            // vectors of four sums that an invocation has in registers
const uint ROUNDS_IN_FLIGHT_ID = 5;  // rounds whose loads are under way together
const uint BLOCKS_ID = 6;            // of the matrix
const uint VECTORS_CAPACITY_ID = 7;  // vectors of four sums that a lane has room for
const uint TILE_SIDE_ID = 8;         // items on a side of a workgroup's tile
const uint COLUMNS_PER_LANE_ID = 9;  // items

const uint FIXED_POINT_BITS = 30;

// Up to 2^ID_BITS items, walks pack ids and sums into 64 bits.
const uint ID_BITS = 15;

// Of VkcOrder, what kernels tell apart.
const uint ORDER_TOWARD = 2;

// Items on a side of a tile of the similarity matrix. Pitches and row counts are padded with zeros
// to whole tiles, so that kernels need no bounds inside one.
const uint LARGEST_TILE_SIDE = 64;

// Dimensions that the similarity kernels take at a time: what the pitch of unit vectors is padded
// to.
const uint DIMENSIONS_PER_SLICE = 16;

// Texel buffers that the walk kernels for CPUs declare: blocks that a matrix may have there.
const uint MOST_TEXEL_BLOCKS = 16;

// Of the radix selection in neighbors.comp: bits of a digit; groups of digits, so that one
// invocation has few counts to go through; the keys that it puts in order, in 8 KiB of shared
// memory.
const uint DIGIT_BITS = 10;
const uint DIGIT_GROUPS = 32;
const uint MOST_SORTED = 1024;

// Ids from here on are those of queries, vectors that are not among the items: query i has
// FIRST_QUERY
// + i. No device holds so many items.
const uint FIRST_QUERY = 1u << 31;

struct SimilarityPush {
  DeviceAddress units;       // int32 [rows][units_pitch]
  DeviceAddress row_units;   // the same of what has rows in the output: units, or those of queries
  DeviceAddress blocks;      // uint64 [blocks]: addresses of int32 [rows][matrix_pitch], the output
  DeviceAddress units_rows;  // uint [items]: the row of each item's unit vector
  uint units_pitch;
  uint matrix_pitch;
  uint block_shift;   // a block has 2^block_shift rows
  uint first_item;    // in row 0 of the output; or a query
  uint end_item;      // one past that in its last row
  uint first_tile;    // of this dispatch
  uint tiles_across;  // tiles in a row of tiles
  uint triangle;      // 1: tiles on and above the diagonal, mirrored; 0: all tiles
  uint reordered;     // 0: units_rows does not matter, unit vectors are in the order of items
};

struct WalkPush {
  DeviceAddress blocks;    // uint64 [blocks]: addresses of int32 [rows][matrix_pitch]
  DeviceAddress weights;   // int32 [n], by row
  DeviceAddress ids;       // uint [n]: the id of the item in each row
  DeviceAddress rows;      // uint [n]: the row of each id
  DeviceAddress slots;     // uint [workgroups]: which walk's state a workgroup goes on with
  DeviceAddress states;    // [walks][matrix_pitch], of 64 bits each or, in sums of 32 bits, of 32
  DeviceAddress latest;    // uint [walks]: the row of the latest item chosen, not yet in the states
  DeviceAddress chosen;    // uint [workgroups][steps]: out, the ids of the items chosen
  DeviceAddress overflow;  // uint: out, 1 where sums of 32 bits were too short, else unchanged
  uint n;
  uint matrix_pitch;
  uint block_shift;  // a block has 2^block_shift rows
  uint steps;
  uint fresh;  // 1: the walks are at their start, and the states hold nothing yet
  int lambda;  // of orders that have one, in fixed point
  uint order;  // a VkcOrder, which only walk_scores.glsl heeds
};

// A neighbour is a key of 32 + id_bits bits: 2^30 less its cosine, and below that its id. So the
// most similar has the smallest key, and of equally similar ones that with the lowest id.
struct NeighborsPush {
  DeviceAddress blocks;     // uint64 [blocks]: addresses of int32 [rows][matrix_pitch]
  DeviceAddress neighbors;  // uint64 [workgroups][k]: out, keys
  DeviceAddress ids;        // uint [n]: the id of the item in each row and column
  DeviceAddress rows;       // uint [n]: the row and column of each id
  uint n;
  uint matrix_pitch;
  uint block_shift;    // a block has 2^block_shift rows
  uint first_item;     // in row 0 of the blocks; or a query
  uint first_row;      // of this dispatch
  uint k;              // 1 to n - 1; of a query to n
  uint id_bits;        // that hold every id
  uint sort_capacity;  // a power of two, k or more: keys go out in order; 0: in any order
  uint reordered;      // 0: ids and rows do not matter, all is in the order of ids
};

// Pairs that a workgroup of pairs.comp computes.
const uint PAIRS_AT_ONCE = 64;

struct PairsPush {
  DeviceAddress units;    // int32 [rows][units_pitch]
  DeviceAddress rows;     // uint [n]: the row of each id
  DeviceAddress pairs;    // uint [count][2]: ids
  DeviceAddress cosines;  // int32 [count]: out, in fixed point
  uint units_pitch;
  uint count;  // of this dispatch
};

#ifdef __cplusplus
}  // namespace vkc
#endif

#endif
