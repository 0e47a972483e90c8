// A device that reports to be another than it is, so that every machine runs every variant of the
// library: by the layer of fault_layer.cpp.
#pragma once

#include <gtest/gtest.h>

#include <ostream>

#include "checks.hpp"
#include "fault_layer.hpp"

struct DeviceVariant {
  const char* name;
  const char* device_type;       // NULL: as it is
  const char* workgroup;         // NULL: as it is
  const char* allocation_bytes;  // NULL: as it is
  const char* hidden = nullptr;  // NULL: nothing
};

inline void PrintTo(const DeviceVariant& variant, std::ostream* out) { *out << variant.name; }

// Contexts that are made while it lives see the device so.
class ScopedDeviceVariant {
 public:
  explicit ScopedDeviceVariant(const DeviceVariant& variant)
      : device_type_("VKC_FAULT_DEVICE_TYPE", variant.device_type),
        workgroup_("VKC_FAULT_WORKGROUP", variant.workgroup),
        allocation_("VKC_FAULT_ALLOCATION_BYTES", variant.allocation_bytes),
        hidden_("VKC_FAULT_HIDE", variant.hidden) {}

 private:
  checks::ScopedEnvironment device_type_;
  checks::ScopedEnvironment workgroup_;
  checks::ScopedEnvironment allocation_;
  checks::ScopedEnvironment hidden_;
};

// A test with a context on each of several devices.
class OnDeviceVariant : public testing::TestWithParam<DeviceVariant> {
 private:
  const ScopedDeviceVariant device_{GetParam()};

 protected:
  const checks::Context ctx_ = checks::make_context();
};
