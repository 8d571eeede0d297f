// How much memory there still is.
#include "base/available_memory.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <string>

#include "tests/unit/scratch.h"

namespace slipway {
namespace {

TEST(AvailableMemory, AGroupsLimitLeavesWhatMirrorsFiles) {
  const fs::path group = scratch();
  constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
  EXPECT_EQ(left_in_group(group), kNone);
  const auto put = [&](const char* name, const std::string& text) {
    std::ofstream(group / name) << text;
  };
  put("memory.max", "max\n");
  put("memory.current", "700\n");
  EXPECT_EQ(left_in_group(group), kNone);
  put("memory.max", "1000\n");
  EXPECT_EQ(left_in_group(group), 300u);
  put("memory.stat", "anon 250\nfile 450\ninactive_file 300\nactive_file 100\nshmem 50\n");
  EXPECT_EQ(left_in_group(group), 700u);
  put("memory.max", "200\n");
  EXPECT_EQ(left_in_group(group), 1u) << "0 would mean unknown";
}

TEST(AvailableMemory, TheMachinesFreeMemoryIsKnown) {
  EXPECT_GT(available_memory(), uint64_t{1} << 20);
  EXPECT_LT(available_memory(), uint64_t{1} << 50);
}

}  // namespace
}  // namespace slipway
