// How much memory the host has left: what the system and the limits of this process say.
#include "base/available_memory.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

constexpr uint64_t kMany = uint64_t{1} << 40;
constexpr uint64_t kMebi = 1 << 20;

// A folder that stands for the root of a file system.
class Root : public testing::Test {
 protected:
  Root() {
    std::string name = testing::TempDir() + "/root.XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Root() override { std::filesystem::remove_all(path_); }

  void write(const std::string& file, const std::string& text) const {
    const std::filesystem::path path = path_ + file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  // As in a container with control groups of version 2.
  void write_version_2(const std::string& group) const {
    write("/proc/self/mounts",
          "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nsdelegate 0 0\n");
    write("/proc/self/cgroup", "0::" + group + "\n");
  }
  void write_group_2(const std::string& folder, const std::string& most, uint64_t used,
                     uint64_t files) const {
    write("/sys/fs/cgroup" + folder + "/memory.max", most + "\n");
    write("/sys/fs/cgroup" + folder + "/memory.current", std::to_string(used) + "\n");
    write("/sys/fs/cgroup" + folder + "/memory.stat",
          "anon 5\nfile 17\ninactive_file " + std::to_string(files) + "\nactive_file 3\n");
  }

  std::string path_;
};

TEST_F(Root, SystemTellsWhatIsAvailable) {
  write("/proc/meminfo",
        "MemTotal: 900 kB\nMemFree: 100 kB\nMemAvailable:     300 kB\nBuffers: 1 kB\n");
  EXPECT_EQ(vkc::available_to_system(path_), 300U * 1024);
}

TEST_F(Root, WithoutProcTheMachinesMemoryIsTheBound) {
  const uint64_t bytes = vkc::available_to_system(path_);
  EXPECT_GT(bytes, 64 * kMebi);
  EXPECT_LT(bytes, uint64_t{1} << 50);
  EXPECT_EQ(vkc::available_in_control_groups(path_), UINT64_MAX);
}

TEST_F(Root, Version2OfAContainer) {
  write_version_2("/");
  write_group_2("", "1000000", 400000, 50000);
  EXPECT_EQ(vkc::available_in_control_groups(path_), 650000U);
}

TEST_F(Root, Version2WithoutALimit) {
  write_version_2("/user.slice");
  write_group_2("/user.slice", "max", 400000, 50000);
  EXPECT_EQ(vkc::available_in_control_groups(path_), UINT64_MAX);
}

TEST_F(Root, Version2IsLimitedByTheGroupsAround) {
  write_version_2("/slice/service");
  write_group_2("/slice/service", "9000000", 100000, 0);
  write_group_2("/slice", "700000", 600000, 0);
  EXPECT_EQ(vkc::available_in_control_groups(path_), 100000U);
}

// A container that is told its path outside, where there is none inside.
TEST_F(Root, Version2OfAPathThatIsNotThere) {
  write_version_2("/docker/0123");
  write_group_2("", "1000000", 1000001, 0);
  EXPECT_EQ(vkc::available_in_control_groups(path_), 0U);
}

TEST_F(Root, Version1) {
  write("/proc/self/mounts",
        "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"
        "cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n");
  write("/proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/a/b\n0::/\n");
  const auto write_group = [&](const std::string& folder, uint64_t most) {
    const std::string group = "/sys/fs/cgroup/memory" + folder;
    write(group + "/memory.limit_in_bytes", std::to_string(most) + "\n");
    write(group + "/memory.usage_in_bytes", "300000\n");
    write(group + "/memory.stat", "cache 9\ninactive_file 1\ntotal_inactive_file 100000\n");
  };
  write_group("", 9223372036854771712U);  // none
  write_group("/a", 800000);
  write_group("/a/b", 9223372036854771712U);
  EXPECT_EQ(vkc::available_in_control_groups(path_), 600000U);
}

TEST_F(Root, FilesThatAreNoListsAreNoLimits) {
  write("/proc/self/mounts", "cgroup2\n");
  write("/proc/self/cgroup", "nonsense\n0:\n");
  EXPECT_EQ(vkc::available_in_control_groups(path_), UINT64_MAX);
  write_version_2("/a");
  write("/sys/fs/cgroup/a/memory.max", "-\n");
  EXPECT_EQ(vkc::available_in_control_groups(path_), UINT64_MAX);
}

class Limits : public testing::TestWithParam<int> {};

TEST_P(Limits, OfTheProcessAreKept) {
  const auto resource = static_cast<__rlimit_resource_t>(GetParam());
  rlimit before{};
  ASSERT_EQ(getrlimit(resource, &before), 0);
  rlimit limit = before;
  limit.rlim_cur = kMany;  // much more than this process has
  ASSERT_EQ(setrlimit(resource, &limit), 0);
  const uint64_t available = vkc::available_in_resource_limits();
  EXPECT_LT(available, kMany);
  EXPECT_GT(available, kMany / 2);
  ASSERT_EQ(setrlimit(resource, &before), 0);
  EXPECT_LE(vkc::available_host_bytes(), vkc::available_in_resource_limits());
}

INSTANTIATE_TEST_SUITE_P(All, Limits, testing::Values(RLIMIT_AS, RLIMIT_DATA));

}  // namespace
