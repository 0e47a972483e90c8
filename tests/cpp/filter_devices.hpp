// Devices on which the filter of neighbours is tested, and what it can multiply with there.
#pragma once

#include <vector>

#include "device_variant.hpp"
#include "similarity/filtered_neighbors.hpp"
#include "vulkan/device.hpp"
#include "vulkan/staging.hpp"

// On the device as it is, and on one with the kernels for GPUs.
inline const std::vector<DeviceVariant> filter_device_variants{
    {"AsItIs", nullptr, nullptr, nullptr}, {"Discrete", "discrete", nullptr, nullptr}};

// A test on one of them.
class OnFilterDevice : public testing::TestWithParam<DeviceVariant> {
 private:
  const ScopedDeviceVariant variant_{GetParam()};

 protected:
  vkc::Device device_{"", true};
  vkc::Staging staging_{device_};
};

inline std::vector<vkc::FilterArithmetic> filter_arithmetics(const vkc::Device& device) {
  std::vector<vkc::FilterArithmetic> all{vkc::FilterArithmetic::kFloat};
  if (device.limits().cooperative_matrices) all.push_back(vkc::FilterArithmetic::kMatrices);
  return all;
}
