// The order `centroid`: the item with the smallest sum A_j comes next.
layout(constant_id = WEIGHTED_ID) const bool WEIGHTED = false;

int weight_of(uint row) { return WEIGHTED ? Ints(push.weights).at[row] : FIXED_POINT_ONE; }

// What a chosen item adds to the sum of another.
int contribution(int cosine, int weight) {
  return WEIGHTED ? int(from_product(int64_t(cosine) * int64_t(weight))) : cosine;
}
