// What the kernels share that multiply all items with many walks. A workgroup has a tile of two blocks
// of items and WALKS walks.
layout(constant_id = WALKS_ID) const uint WALKS = 128;

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Groups {
  uvec4 at[];
};

const uint TILE_ITEMS = 2 * FILTER_BLOCK;

// Of each walk of the tile:
shared uint counts[WALKS];   // items that it has chosen; 0: it takes no step
shared float scales[WALKS];  // what its products are multiplied with
shared uvec4 gone[WALKS];    // a bit for each item: whether it is no candidate

// Bits of those items of a tile that are chosen, or are not there.
uvec4 gone_of_tile(uint walk, uint block) {
  const uvec4 firsts = block * FILTER_BLOCK + uvec4(0, 32, 64, 96);
  const uvec4 there = min(max(uvec4(push.n), firsts) - firsts, uvec4(32));
  const uvec4 beyond = mix(uvec4(~0u) << there, uvec4(0), equal(there, uvec4(32)));
  return Groups(part_of(walk, push.at.chosen)).at[block / 2] | beyond;
}

// One of the walks of a tile. unit_scale: what filter units are multiplied with.
void read_walk(uint column, uint first_walk, uint block, float unit_scale) {
  const uint walk = min(first_walk + column, push.walks - 1);
  const FilterWalkHead head = Head(state_of(walk)).head;
  const bool steps = first_walk + column < push.walks && head.condition == WALK_STEPS;
  counts[column] = steps ? head.count : 0;
  scales[column] = head.scale * unit_scale;
  gone[column] = gone_of_tile(walk, block);
}

float least_of_four(vec4 four) { return min(min(four.x, four.y), min(four.z, four.w)); }

// The values of four items by four bits of `gone`.
vec4 without(vec4 values, uint bits) {
  return mix(values, vec4(ABOVE_ALL), notEqual(uvec4(bits) & uvec4(1, 2, 4, 8), uvec4(0)));
}
