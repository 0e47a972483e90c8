// How far a cosine that fast arithmetic computes can be from the definition's.
#pragma once

#include <cmath>
#include <cstdint>

namespace vkc {

// The greatest relative error of a sum of two float32, or of a product and a sum in one: float32 as
// Vulkan demands it rounds correctly, 2^-24, or truncates, 2^-23. Cooperative matrices may align
// what they add to the greatest of it and truncate: 2^-22 is what that costs, and some.
inline constexpr double kFloatUnit = 0x1p-23;
inline constexpr double kMatrixUnit = 0x1p-22;

// The bound of |C * 2^-30 - f|, for vectors of dimension d, where f is the product that a kernel
// computes of two vectors in float16, and C is point 4 of the definition, of two different items
// (or an item and a query). pitch: elements that the kernel adds up, zeros included. first_error,
// second_error: the lengths of u - v at most, for either vector: u the unit vector in fixed point,
// v the one in float16.
//
// 1. u is off a vector of length 1, or 0, by 2^-31 in each component: |u| <= U = 1 + sqrt(d) 2^-31.
// 2. C * 2^-30 is u . u', rounded, which changes it by 2^-31 at most, and clamped to [-1, 1], which
//    changes it by U^2 - 1 at most, about sqrt(d) 2^-30.
// 3. u . u' - v . v' = (u - v) . u' + v . (u' - v'): at most E U + (U + E) E', by Cauchy and
// Schwarz.
// 4. Products of two float16 are exact in float32. To add m of them up takes m additions, in any
//    order, one of them to zero. Each partial sum is at most the sum of |v_k v'_k|, which is
//    (U + E)(U + E') at most. An addition is off by `unit` of the greatest of its terms and its
//    result, so all of them by g = m unit / (1 - m unit) of that.
// 5. Components of v below what is normal in float16 may count as zeros. They are 2^-30 at most:
//    that changes the product by at most (|v| + |v'|) sqrt(d) 2^-30.
// The clamping of 2 and all of 5 are below sqrt(d) 2^-28 together.
inline double filter_bound(uint32_t d, uint32_t pitch, double first_error, double second_error,
                           double unit) {
  const double root = std::sqrt(static_cast<double>(d));
  const double longest = 1 + root * 0x1p-31;
  const double conversion = first_error * longest + (longest + first_error) * second_error;
  const double m = pitch + 1.0;
  const double additions = m * unit / (1 - m * unit);
  const double summation = additions * (longest + first_error) * (longest + second_error);
  return conversion + summation + root * 0x1p-28 + 0x1p-31;
}

// ---- Of walks
//
// x is the vector that a walk has in float32, u_j the unit vector of item j in fixed point, v_j
// what the filter has of it, E the largest |u_j - v_j|.
//
// A product of float32 numbers summed in any order, with fused multiply-adds or without, is out by
// at most (d + 2) e |x| |y|, as is well known (Higham, Accuracy and Stability of Numerical
// Algorithms, section 3.1; second order terms are in the last factor). x is made from integers,
// which takes up to four roundings more.
//
//   |x . u_j - filtered| <= |x| |u_j - v_j| + (d + 6) e |x| |v_j| <= |x| (E + (d + 6) e) (1 + ...)
//
// The factor is for |v_j|, which is at most 1 + E + sqrt(d) 2^-31, and for how |x| is computed.
//
// Where cooperative matrices multiply, e is kMatrixUnit, and x goes in as float16 numbers x', times
// a power of two. How far they are from x is measured for each x, and adds |x - x'| |v_j|.
inline double filter_bound_of_length(double distance, uint32_t d, double unit) {
  return (distance + (d + 6) * unit) * 1.03;
}

// A cosine C_ij of the definition is a sum of products rounded to 2^-31, and then clamped to 1,
// which u_i . u_j exceeds by at most sqrt(d) 2^-30. Its product with a weight is rounded to 2^-31
// again. x, in the order `centroid` the sum of w_i u_i, has each term rounded to 2^-31 in each
// dimension, which changes x . u_j by at most sqrt(d) 2^-31. In all that is at most, for each item
// chosen:
inline double filter_bound_of_pick(uint32_t d) {
  constexpr double kUnit = 1.0 / (1U << 30);
  return (2 + 2 * std::sqrt(d)) * kUnit * 1.01;
}

// Scores of the orders `away` and `toward` mix two filtered cosines, with |x| at most 1 + E, by
// lambda: that rounds five times more, and no error grows with the number of items chosen. The
// greatest of several values is out by no more than each of them.
inline double filter_bound_of_score(double distance, uint32_t d, double unit) {
  return filter_bound_of_length(distance, d, unit) * 1.01 + filter_bound_of_pick(d) +
         8 * kFloatUnit;
}

// filter_bound_of_pick in units of 2^-36: for values that are worked out in integers, which have no
// other error.
inline uint32_t refined_bound_of_pick(uint32_t d) {
  return static_cast<uint32_t>(std::ceil(filter_bound_of_pick(d) * 0x1p36)) + 1;
}

// The same as a float that is no smaller.
inline float round_up_to_float(double value) {
  return std::nextafter(static_cast<float>(value), INFINITY);
}

}  // namespace vkc
