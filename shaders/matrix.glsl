// Where rows of the similarity matrix lie: in blocks of 2^block_shift rows, an address each.
// Included behind the declaration of `push`, which says where the blocks are.

layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Addresses {
  uint64_t at[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer MatrixRow {
  ivec4 at[];
};

uint block_of(uint row) { return row >> push.block_shift; }

uint row_in_block(uint row) { return row & ((1u << push.block_shift) - 1); }

uint64_t block_address(uint block) { return Addresses(push.blocks).at[block]; }

uint64_t row_address(uint64_t block, uint row) {
  return block + uint64_t(row_in_block(row)) * push.matrix_pitch * 4;
}

uint64_t row_address(uint row) { return row_address(block_address(block_of(row)), row); }
