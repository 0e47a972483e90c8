// What the walk kernels for drivers that run shaders on the CPU share: the matrix as texels, which are
// the one kind of memory that is loaded with vector instructions there.
layout(constant_id = BLOCKS_ID) const uint BLOCKS = 1;
layout(constant_id = VECTORS_CAPACITY_ID) const uint VECTORS_CAPACITY = 256;

layout(set = 0, binding = 0) uniform isamplerBuffer matrix[MOST_TEXEL_BLOCKS];

// A texel of the matrix. Every index is a literal: behind a variable one, lavapipe (Mesa 22.3)
// passes texels through floating point, and integers that look like signalling NaNs come out with
// bit 22 set.
ivec4 cosines_at(uint block, int texel) {
  if (BLOCKS == 1) return texelFetch(matrix[0], texel);
#define CASE(b) \
  case b:       \
    return texelFetch(matrix[b], texel);
  switch (block) {
    CASE(0)
    CASE(1)
    CASE(2)
    CASE(3)
    CASE(4)
    CASE(5)
    CASE(6)
    CASE(7)
    CASE(8)
    CASE(9)
    CASE(10)
    CASE(11)
    CASE(12)
    CASE(13)
    CASE(14)
    CASE(15)
  }
  return ivec4(0);
}
