// A row's candidates, a workgroup a row, as filter_product.glsl adds them. Included behind the declarations of
// `push` and of INVOCATIONS.

layout(buffer_reference, std430, buffer_reference_align = 4) buffer Counts {
  uint at[];
};
layout(buffer_reference, std430, buffer_reference_align = 8) buffer Candidates {
  uint64_t at[];
};

Candidates candidates_of_row() {
  return Candidates(push.candidates + uint64_t(gl_WorkGroupID.x) * MOST_CANDIDATES * 8);
}

// The smallest power of two, 2 or more, that is not below count.
uint capacity_for(uint count) { return count <= 2 ? 2 : 2u << findMSB(count - 1); }
