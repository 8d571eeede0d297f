// Copies that outlive changes.
#include "operators/host_copy.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>

#include "base/error.h"

namespace slipway {
namespace {

TEST(HostCopy, HoldsWhatTheBuffersHeldThen) {
  // more than one thread's piece, and not a multiple of it
  const at::Tensor large = at::arange(1'300'001, at::kFloat), small = at::full({6}, 2.5f);
  const at::Tensor view = large.narrow(0, 700'000, 600).view({20, 30}), before = view.clone();
  const at::Tensor none = at::zeros({0});
  const std::vector<at::Tensor> buffers = {large, none, small};
  const std::shared_ptr<const HostCopy> copy = HostCopy::of(buffers);
  ASSERT_NE(copy, nullptr);
  large.zero_();
  small.fill_(9);
  EXPECT_TRUE(at::equal(copy->held(view), before));
  EXPECT_TRUE(at::equal(copy->held(large), at::arange(1'300'001, at::kFloat)));
  EXPECT_TRUE(at::equal(copy->held(small.narrow(0, 2, 3)), at::full({3}, 2.5f)));
  EXPECT_TRUE(at::equal(view, at::zeros({20, 30}))) << "the buffers themselves are not touched";
}

TEST(HostCopy, RefusesWhatIsNoPartOfTheBuffers) {
  const at::Tensor all = at::zeros({64});
  const std::vector<at::Tensor> buffers = {all.narrow(0, 8, 32)};
  const std::shared_ptr<const HostCopy> copy = HostCopy::of(buffers);
  EXPECT_NO_THROW(copy->held(all.narrow(0, 8, 4)));
  EXPECT_THROW(copy->held(all.narrow(0, 0, 16)), Error);
  EXPECT_THROW(copy->held(all.narrow(0, 38, 4)), Error);
  EXPECT_THROW(copy->held(at::zeros({4})), Error);
}

TEST(HostCopyDeathTest, WithoutMemoryThereIsNone) {
  const at::Tensor buffer = at::zeros({1 << 20});
  const std::vector<at::Tensor> buffers = {buffer};
  EXPECT_EXIT(
      {
        rlimit space{};
        space.rlim_cur = space.rlim_max = 1;
        setrlimit(RLIMIT_AS, &space);
        std::_Exit(HostCopy::of(buffers) == nullptr ? 7 : 1);
      },
      testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace slipway
