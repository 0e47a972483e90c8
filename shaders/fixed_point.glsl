// 1.0 in the fixed point of unit vectors, cosines and weights, and how products return to it.
const int FIXED_POINT_ONE = 1 << FIXED_POINT_BITS;

int64_t from_product(int64_t product) {
  return (product + (int64_t(1) << (FIXED_POINT_BITS - 1))) >> FIXED_POINT_BITS;
}

// The exact sum of products of the unit vectors of items i and j, as their cosine in fixed point.
int cosine(int64_t sum, uint i, uint j) {
  if (i == j) return sum > 0 ? FIXED_POINT_ONE : 0;
  return int(clamp(from_product(sum), int64_t(-FIXED_POINT_ONE), int64_t(FIXED_POINT_ONE)));
}
