// 1.0 in the fixed point of unit vectors, cosines and weights, and how products return to it.
const int FIXED_POINT_ONE = 1 << FIXED_POINT_BITS;

int64_t from_product(int64_t product) {
  return (product + (int64_t(1) << (FIXED_POINT_BITS - 1))) >> FIXED_POINT_BITS;
}
