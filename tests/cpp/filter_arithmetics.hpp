// What the filter of neighbours can multiply with on a device.
#pragma once

#include <vector>

#include "similarity/filtered_neighbors.hpp"
#include "vulkan/device.hpp"

inline std::vector<vkc::FilterArithmetic> filter_arithmetics(const vkc::Device& device) {
  std::vector<vkc::FilterArithmetic> all{vkc::FilterArithmetic::kFloat};
  if (device.limits().cooperative_matrices) all.push_back(vkc::FilterArithmetic::kMatrices);
  return all;
}
