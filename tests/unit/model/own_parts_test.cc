// Every value of a group's buffers once, however large it is.
#include "model/own_parts.h"

#include <gtest/gtest.h>

#include <atomic>

namespace slipway {
namespace {

TEST(OwnParts, EveryValueOnce) {
  using Shape = std::vector<int64_t>;
  for (const Shape& shape : {Shape{3, 5}, Shape{300, 77}, Shape{700, 500}}) {
    const FlatParameters p(
        {{"a", shape}, {"b", {1, 7}}, {"tied", shape, true, true, 0}, {"c", {64, 40}}});
    const FlatParameters::Group& group = p.groups()[0];
    std::vector<std::atomic<int>> seen(static_cast<size_t>(group.weights.numel()));
    for_own_parts(group, [&](int64_t first, int64_t count) {
      for (int64_t i = first; i < first + count; ++i) ++seen[static_cast<size_t>(i)];
    });
    for (const std::atomic<int>& times : seen) ASSERT_EQ(times, 1);
  }
}

TEST(OwnParts, GradientsAreZeroedWhole) {
  FlatParameters p({{"a", {300, 77}}, {"b", {1, 7}}, {"n", {5}, true, false}});
  for (FlatParameters::Group& group : p.groups()) group.grads.fill_(3);
  p.zero_grad();
  EXPECT_EQ(p.grad_norm(), 0);
}

}  // namespace
}  // namespace slipway
