// The main program of tests that use the library. A message of the Khronos validation layer fails
// the test during which it came, or, where it came after the last test, the whole program.
#include <gtest/gtest.h>

#include <cstdint>

#include "checks.hpp"

namespace {

uint32_t messages_seen = 0;
checks::Context shared;

void fail_on_new_messages() {
  const uint32_t count = vkc_validation_message_count();
  for (; messages_seen < count; ++messages_seen) {
    const char* message = vkc_validation_message(messages_seen);
    ADD_FAILURE() << "validation layer: " << (message != nullptr ? message : "(text not kept)");
  }
}

class FailOnMessages : public testing::EmptyTestEventListener {
  void OnTestEnd(const testing::TestInfo& /*info*/) override { fail_on_new_messages(); }
};

class CheckAfterLastContext : public testing::Environment {
  void TearDown() override {
    shared.reset();
    fail_on_new_messages();
  }
};

}  // namespace

namespace checks {

VkComputeContext* shared_context() {
  if (!shared) shared = make_context();
  return shared.get();
}

void expect_validation_messages_so_far() { messages_seen = vkc_validation_message_count(); }

}  // namespace checks

#ifdef __SANITIZE_ADDRESS__
// In place of the system's: libraries stay loaded, so that a leak in one can be told by its name.
extern "C" int dlclose(void* /*library*/) { return 0; }
#endif

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::AddGlobalTestEnvironment(new CheckAfterLastContext);  // GoogleTest deletes it
  testing::UnitTest::GetInstance()->listeners().Append(new FailOnMessages);
  return RUN_ALL_TESTS();
}
