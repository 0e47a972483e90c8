// UUIDs and PCI addresses as drivers, users and other programs write them.
#include "vulkan/device_identifiers.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace {

using vkc::canonical_identifier;

constexpr std::array<uint8_t, vkc::kUuidBytes> kUuid = {
    0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f, 0x60, 0x71, 0x82, 0x93, 0xa4, 0xb5, 0xc6, 0xd7, 0xe8, 0xf9};
const std::string kUuidText = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

TEST(DeviceIdentifiers, AreWrittenAsOtherProgramsWriteThem) {
  EXPECT_EQ(vkc::uuid_text(kUuid), kUuidText);
  EXPECT_EQ(vkc::uuid_text(std::array<uint8_t, vkc::kUuidBytes>{}), "");
  EXPECT_EQ(vkc::pci_text(0, 0x3b, 0, 0), "0000:3b:00.0");
  EXPECT_EQ(vkc::pci_text(0x10000, 0xff, 0x1f, 7), "10000:ff:1f.7");
}

TEST(DeviceIdentifiers, AreReadInEveryForm) {
  for (const char* text :
       {"0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", "0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9",
        "GPU-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"}) {
    EXPECT_EQ(canonical_identifier(text), kUuidText);
  }
  for (const char* text : {"0000:3b:00.0", "0000:3B:00.0", "00000000:3B:00.0", "0:3b:0.0"}) {
    EXPECT_EQ(canonical_identifier(text), "0000:3b:00.0");
  }
}

TEST(DeviceIdentifiers, NamesAndNumbersAreNone) {
  for (const char* text :
       {"", "0", "17", "llvmpipe (LLVM 15.0.6, 256 bits)", "RTX 4090", "GPU-",
        "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f", "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8fg",
        "0a1b2c3d04e5f06071082930a4b5c6d7e8f9", ":::.", "0000:3b:00", "0000:3b:00.", "0000:xy:00.0",
        "3b:00.0", "123456789:3b:00.0", "-1:3b:00.0"}) {
    EXPECT_EQ(canonical_identifier(text), "") << text;
  }
}

}  // namespace
