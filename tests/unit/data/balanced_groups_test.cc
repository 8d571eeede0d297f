// Micro-batches of one step. Whole epochs are compared with the Trainer's in data_order_test.cc.
#include "data/balanced_groups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace slipway {
namespace {

TEST(BalancedGroups, HoldEveryExampleOnceAndEvenTheCost) {
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < 64; ++i) lengths.push_back(1 + i * i * i % 997);
  const auto groups = balanced_groups(lengths, 8, 64);
  ASSERT_EQ(groups.size(), 8u);
  std::vector<size_t> all;
  std::vector<int64_t> padded;
  for (const auto& group : groups) {
    all.insert(all.end(), group.begin(), group.end());
    padded.push_back(lengths[group.front()] * static_cast<int64_t>(group.size()));
    for (const size_t i : group) EXPECT_LE(lengths[i], lengths[group.front()]);
  }
  std::ranges::sort(all);
  std::vector<size_t> expected(64);
  std::iota(expected.begin(), expected.end(), size_t{0});
  EXPECT_EQ(all, expected);
  // Eight of each would pad 8 x 991 tokens in one and 8 x 110 in another.
  EXPECT_LT(std::ranges::max(padded), 3 * std::ranges::min(padded));
}

TEST(BalancedGroups, FewerExamplesThanGroupsLeaveSomeEmpty) {
  const auto groups = balanced_groups({5, 9}, 3, 12);
  EXPECT_EQ(groups, (std::vector<std::vector<size_t>>{{1}, {0}, {}}));
}

}  // namespace
}  // namespace slipway
