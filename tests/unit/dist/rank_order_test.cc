#include "dist/rank_order.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"

namespace slipway {
namespace {

TEST(RankOrder, SumsInTheOrderOfTheRanks) {
  // 1e8 + 1 is 1e8 in float32: the order shows.
  const at::Tensor rows = at::tensor({1e8f, 1.f, -1e8f, 1.f, 1.f, 1e8f, -1e8f, 1.f}).view({4, 2});
  const at::Tensor out = at::empty({2});
  reduce_in_rank_order(rows, Reduction::kSum, out);
  EXPECT_EQ(out[0].item<float>(), ((1e8f + -1e8f) + 1.f) + -1e8f);
  EXPECT_EQ(out[1].item<float>(), ((1.f + 1.f) + 1e8f) + 1.f);
}

TEST(RankOrder, EveryTypeAndSize) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kLong})
    for (const int64_t n : {1, 7, 2047, 2048, 2049, 5000}) {
      const at::Tensor rows = at::randint(-1000, 1000, {3, n}).to(type);
      const at::Tensor out = at::empty({n}, type);
      reduce_in_rank_order(rows, Reduction::kSum, out);
      EXPECT_TRUE(out.equal(rows.sum(0).to(type)));
      reduce_in_rank_order(rows, Reduction::kMax, out);
      EXPECT_TRUE(out.equal(rows.amax(0)));
      reduce_in_rank_order(rows, Reduction::kMin, out);
      EXPECT_TRUE(out.equal(rows.amin(0)));
    }
}

TEST(RankOrder, Bfloat16IsRoundedOnce) {
  // 256 + 1 is 256 in bfloat16, 256 + 4 ones is 260.
  const at::Tensor rows = at::ones({5, 3}, at::kBFloat16);
  rows[0].fill_(256);
  const at::Tensor out = at::empty({3}, at::kBFloat16);
  reduce_in_rank_order(rows, Reduction::kSum, out);
  EXPECT_EQ(out[0].item<float>(), 260);
  EXPECT_TRUE(out.equal(rows.to(at::kFloat).sum(0).to(at::kBFloat16)));
}

TEST(RankOrder, WhatIsNoNumberStaysSo) {
  for (const int64_t where : {0, 1, 2})
    for (const Reduction reduction : {Reduction::kSum, Reduction::kMax, Reduction::kMin}) {
      const at::Tensor rows = at::ones({3, 1});
      rows[where].fill_(std::numeric_limits<float>::quiet_NaN());
      const at::Tensor out = at::zeros({1});
      reduce_in_rank_order(rows, reduction, out);
      EXPECT_TRUE(std::isnan(out.item<float>())) << where;
    }
}

TEST(RankOrder, RefusesOtherTypes) {
  EXPECT_THROW(
      reduce_in_rank_order(at::zeros({2, 1}, at::kInt), Reduction::kSum, at::zeros({1}, at::kInt)),
      Error);
}

}  // namespace
}  // namespace slipway
