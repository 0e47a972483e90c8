// The filtered value by which a walk chooses, from the product of an item with its vector.

float mixed(float s, float m) {
  return float(push.lambda) * UNIT * s + float(FIXED_POINT_ONE - push.lambda) * UNIT * m;
}

float score_of(uint walk, uint row, uint count, float product) {
  if (!SCORES) return product;
  Floats greatest = Floats(part_of(walk, push.at.greatest));
  Floats with_start = Floats(part_of(walk, push.at.with_start));
  float s;
  float m;
  if (count == 1) {
    s = push.toward == 1 ? -product : product;
    m = push.toward == 1 ? -1.0 : product;
    with_start.at[row] = s;
  } else {
    s = with_start.at[row];
    m = max(greatest.at[row], product);
  }
  greatest.at[row] = m;
  return mixed(s, m);
}

// The same again, once score_of has been called in this step.
float score_again(uint walk, uint row) {
  return mixed(Floats(part_of(walk, push.at.with_start)).at[row],
               Floats(part_of(walk, push.at.greatest)).at[row]);
}
