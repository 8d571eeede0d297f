#include "dist/rank_group.h"

#include <gtest/gtest.h>

namespace slipway {
namespace {

TEST(RankGroup, OfOneLeadsAndExchangesWithNobody) {
  RankGroup& group = RankGroup::alone();
  EXPECT_EQ(group.rank(), 0);
  EXPECT_EQ(group.world(), 1);
  EXPECT_TRUE(group.leads());
  EXPECT_TRUE(group.is_alone());
  const at::Tensor x = at::arange(6, at::kFloat), before = x.clone();
  group.all_reduce(x, Reduction::kSum, "a test");
  group.broadcast(x, 0, "a test");
  EXPECT_TRUE(x.equal(before));
  EXPECT_EQ(group.all_gather_bytes("said", "a test"), std::vector<std::string>{"said"});
  group.doing("testing", 3);
  group.barrier("a test");
}

TEST(RankGroup, OfOneCopiesWhereTheTensorsAreTwo) {
  RankGroup& group = RankGroup::alone();
  const at::Tensor whole = at::arange(5, at::kFloat), own = at::zeros({5}), back = at::zeros({5});
  group.begin_reduce_scatter(whole, own, "a test")->wait();
  group.begin_all_gather(own, back, "a test")->wait();
  EXPECT_TRUE(back.equal(whole));
}

}  // namespace
}  // namespace slipway
