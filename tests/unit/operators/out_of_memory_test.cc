// Failed allocations while computing.
#include "operators/out_of_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway {
namespace {

using testing::StrEq;
using testing::ThrowsMessage;

const auto kDescribe = [] { return std::string("step 3"); };

TEST(OutOfMemory, IsSaidByTheStandardLibraryAndByLibTorch) {
  EXPECT_THAT([] { within_memory([] { throw std::bad_alloc(); }, kDescribe); },
              ThrowsMessage<OutOfMemory>(StrEq("step 3")));
  // More than an address space holds: LibTorch's allocator itself refuses.
  EXPECT_THAT(
      [] { within_memory([] { return at::empty({int64_t{1} << 46}, at::kFloat); }, kDescribe); },
      ThrowsMessage<OutOfMemory>(StrEq("step 3")));
}

TEST(OutOfMemory, IsSeenInWhatAPluginsOperatorSaid) {
  for (const char* text :
       {"plugin org.test.model, forward(): std::bad_alloc",
        "plugin org.test.model, forward(): DefaultCPUAllocator: not enough memory",
        "plugin org.test.model, forward(): out of memory: the GPU has no 512 MiB left"})
    EXPECT_THAT([&] { within_memory([&] { fail("{}", text); }, kDescribe); },
                ThrowsMessage<OutOfMemory>(StrEq("step 3")))
        << text;
  EXPECT_THAT([] { within_memory([] { throw OutOfMemory("the inner one"); }, kDescribe); },
              ThrowsMessage<OutOfMemory>(StrEq("the inner one")));
}

TEST(OutOfMemory, OtherFaultsStayWhatTheyAre) {
  EXPECT_THROW(within_memory([] { fail("another"); }, kDescribe), Error);
  EXPECT_THROW(within_memory([] { return at::ones({2}).matmul(at::ones({3})); }, kDescribe),
               c10::Error);
  EXPECT_EQ(within_memory([] { return 3; }, kDescribe), 3);
}

}  // namespace
}  // namespace slipway
