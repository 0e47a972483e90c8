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
const uint HALF_ID = 10;             // bool: filter units are float16, else float32
const uint SCORES_ID = 11;           // bool: walks in the orders `away` and `toward`
const uint WALKS_ID = 12;            // walks that an invocation works on side by side
const uint CANDIDATES_ID = 13;       // that a step has room for: at most MOST_WALK_CANDIDATES
const uint PARTS_ID = 14;            // of a walk: a candidate is judged apart for each
const uint JUDGES_ID = 15;           // workgroups that share the candidates of a walk
const uint VECTORS_ID = 16;          // VECTORS_OWN, ...

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
// FIRST_QUERY + i. No device holds so many items.
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

// The filter: products of unit vectors in float16 propose, what is within their error of the best
// is decided exactly. Items on a side of a tile of products; halves that its kernels take at a
// time, to which vectors are padded; candidates that a row has room for.
const uint FILTER_TILE_SIDE = 128;
const uint HALVES_PER_SLICE = 64;
const uint MOST_CANDIDATES = MOST_SORTED;

// Unit vectors in float16 are scaled by 2^15: so none of their components is too small for float16,
// and products are in the scale of cosines in fixed point.
const uint HALF_SCALE_BITS = 15;

struct HalvePush {
  DeviceAddress units;       // int32 [rows][units_pitch]
  DeviceAddress units_rows;  // uint [items]: the row of each item's unit vector
  DeviceAddress halves;      // float16 [workgroups][halves_pitch]: out, scaled
  DeviceAddress error;       // uint: the bits of a float, the greatest length of a difference
                             // between the two so far; times 2^30
  uint units_pitch;
  uint halves_pitch;  // float16 elements
  uint first_item;    // in row 0 of this dispatch's output; or a query
  uint count;         // rows; those behind are zeros
  uint first_row;     // of this dispatch
};

// What the filter keeps for each row, that is each item or query whose neighbours are sought.
struct FilterRowsPush {
  DeviceAddress thresholds;  // float [rows]: products below are no candidates
  DeviceAddress counts;      // uint [rows]: candidates; more than there is room for: overflow
  DeviceAddress own_rows;    // uint [rows]: the row of units that is the item itself
  DeviceAddress units_rows;  // uint [items]
  uint first_item;           // in row 0; or a query
  uint count;                // rows; those behind take no candidates
  uint padded;               // rows with those behind
  uint taken;                // candidates that a row begins with
};

struct FilterProductPush {
  DeviceAddress items;       // float16 [n][halves_pitch]
  DeviceAddress rows;        // float16 [rows][halves_pitch], whole tiles
  DeviceAddress thresholds;  // float [rows]
  DeviceAddress counts;      // uint [rows]
  DeviceAddress own_rows;    // uint [rows]
  DeviceAddress candidates;  // uint64 [rows][MOST_CANDIDATES]: keys
  uint n;
  uint halves_pitch;
  uint row_tiles;
  uint column_tiles;
  uint first_column;   // of this dispatch, a place in the order of tiles
  uint column_stride;  // in that order the c-th is tile c * column_stride mod column_tiles
  uint all;            // 1: all products are candidates, each in a place of its own
};

struct FilterThresholdPush {
  DeviceAddress thresholds;  // float [rows]
  DeviceAddress counts;      // uint [rows]
  DeviceAddress candidates;  // uint64 [rows][MOST_CANDIDATES]
  uint k;
  float margin;  // products so far below the k-th greatest are candidates
};

struct FilterDecidePush {
  DeviceAddress units;       // int32 [rows][units_pitch]: of the items
  DeviceAddress row_units;   // the same of what has rows
  DeviceAddress units_rows;  // uint [items]
  DeviceAddress ids;         // uint [n]: the id of the item in each row of units
  DeviceAddress counts;      // uint [rows]
  DeviceAddress candidates;  // uint64 [rows][MOST_CANDIDATES]
  DeviceAddress neighbors;   // uint64 [rows][k]: out, keys as in NeighborsPush; where a row
                             // overflowed, the first one is all ones
  uint units_pitch;
  uint first_item;  // in row 0; or a query
  uint k;
  uint id_bits;
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

// Filter units are the unit vectors in floating point: blocks of so many items, in a block groups
// of so many dimensions, in a group the items one behind another. So invocations that have an item
// each read what lies together.
const uint FILTER_BLOCK = 64;
const uint FILTER_GROUP = 8;

struct FilterUnitsPush {
  DeviceAddress units;  // int32 [rows][units_pitch]
  // Out: [blocks][units_pitch / FILTER_GROUP][FILTER_BLOCK][FILTER_GROUP], and
  DeviceAddress filter_units;
  // uint64 [blocks], the largest square of |u - v| in a block, times 2^60.
  DeviceAddress distances;
  uint units_pitch;
  uint first_block;  // of this dispatch
};

// Of walks by the filter: candidates that are decided exactly in one go, and parts of a walk.
const uint MOST_WALK_CANDIDATES = 256;
const uint LISTED_PER_CANDIDATE = 8;  // that a step has room for before it looks closer
const uint MOST_PARTS = 64;

// A walk is under way (0), has more candidates in this step than there is room for (1), or has
// chosen all its items (2).
const uint WALK_STEPS = 0;
const uint WALK_CROWDED = 1;
const uint WALK_ENDED = 2;

// Where the vectors of walks are: in their states, or all together in float16 or float32.
const uint VECTORS_OWN = 0;
const uint VECTORS_HALF = 1;
const uint VECTORS_FLOAT = 2;

// The head of the state of a walk by the filter.
struct FilterWalkHead {
  uint count;       // of items chosen
  uint condition;   // WALK_STEPS, ...
  uint candidates;  // in the list
  uint next_block;  // crowded: the first block whose candidates are not yet judged
  float bound;      // of the error of this step's filtered values
  float threshold;  // what candidates' filtered values are at most
  uint best_row;    // crowded: the best so far
  uint best_id;
  uint best_score_low;
  uint best_score_high;
  uint has_best;
  float scale;  // what products with the vector of this step are multiplied with
};
const uint FILTER_WALK_HEAD_BYTES = 48;
#ifdef __cplusplus
static_assert(sizeof(FilterWalkHead) == FILTER_WALK_HEAD_BYTES);
#endif

// Where the parts of a walk's state begin, in units of 16 bytes. In front of them are the head,
// then uint [MOST_WALK_CANDIDATES], the rows of candidates; int64
// [MOST_WALK_CANDIDATES][MOST_PARTS], what they are judged by; and int32 [MOST_WALK_CANDIDATES],
// their cosines with the start.
struct FilterWalkPlaces {
  uint sums;      // int64 [units_pitch]: of the unit vectors chosen, each times its weight
  uint vector;    // float [units_pitch]: what filter units are multiplied with in the next step
  uint eights;    // float [blocks][FILTER_BLOCK / 8]: the least of eight items that are not chosen
  uint minima;    // float [blocks]: the smallest of each block
  uint chosen;    // uint: a bit for each item
  uint greatest;  // float [blocks][FILTER_BLOCK]: the filtered M_j, of orders that have one
  uint with_start;  // likewise: S_j
  uint stride;      // from one walk's state to the next
};

struct FilterWalkPush {
  DeviceAddress units;         // int32 [rows][units_pitch]
  DeviceAddress filter_units;  // see FilterUnitsPush
  DeviceAddress weights;       // int32 [n], by row
  DeviceAddress ids;           // uint [n]: the id of the item in each row
  DeviceAddress states;        // of the walks
  DeviceAddress chosen;        // uint [walks][items]: rows, the first of them set by the host
  FilterWalkPlaces at;
  uint n;
  uint units_pitch;
  uint items;  // that each walk is to choose, the start included
  uint walks;
  int lambda;             // of orders that have one, in fixed point
  uint toward;            // 1: the order is `toward`
  uint condition;         // of the walks that this dispatch is for
  float bound_of_length;  // see filter_bound.hpp
  float bound_of_pick;
  float bound_of_step;
  uint refined_of_pick;
};

#ifdef __cplusplus
}  // namespace vkc
#endif

#endif
