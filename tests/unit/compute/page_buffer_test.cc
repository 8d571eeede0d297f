// Memory that comes and goes, at addresses that stay.
#include "compute/page_buffer.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace slipway {
namespace {

constexpr int64_t kPages = 6, kValues = kPages * kPageFloats;

TEST(PageBuffer, HasMemoryForWhatWasWrittenAlone) {
  const PageBuffer buffer(kValues, PageBuffer::Released::kZeros, "values");
  const at::Tensor& x = buffer.values();
  EXPECT_EQ(resident_bytes(x), 0);
  x.narrow(0, kPageFloats, 2 * kPageFloats).fill_(3.0);
  EXPECT_EQ(resident_bytes(x), 2 * kPageFloats * 4);
  EXPECT_EQ(resident_bytes(x.narrow(0, kPageFloats / 2, kPageFloats)), kPageFloats / 2 * 4);
  const float* const before = x.const_data_ptr<float>();
  buffer.release(kPageFloats, kPageFloats + 1);  // whole pages: the one after ends too
  EXPECT_EQ(resident_bytes(x), 0);
  EXPECT_EQ(x.sum().item<float>(), 0.0F);
  EXPECT_EQ(x.const_data_ptr<float>(), before);
}

TEST(PageBuffer, AViewKeepsTheAddresses) {
  at::Tensor view;
  {
    const PageBuffer buffer(kValues, PageBuffer::Released::kZeros, "values");
    view = buffer.values().narrow(0, 5, 7);
    view.fill_(2.0);
  }
  EXPECT_EQ(view.sum().item<float>(), 14.0F);
}

TEST(PageBuffer, PagesOfAViewThatAreItsOwnAreGivenBack) {
  const PageBuffer buffer(kValues, PageBuffer::Released::kZeros, "values");
  const at::Tensor& x = buffer.values();
  x.fill_(1.0);
  // from the middle of the second page to the middle of the fifth: two pages are whole
  give_pages_back(x.narrow(0, kPageFloats * 3 / 2, kPageFloats * 3));
  EXPECT_EQ(resident_bytes(x), (kPages - 2) * kPageFloats * 4);
  EXPECT_EQ(x.sum().item<float>(), static_cast<float>((kPages - 2) * kPageFloats));
}

TEST(PageBuffer, WhatIsGuardedCanBeUsedWhileItIsHeldAlone) {
  const PageBuffer buffer(kValues, PageBuffer::Released::kGuarded, "values");
  const at::Tensor part = buffer.values().narrow(0, kPageFloats, kPageFloats);
  for (int i = 0; i < 2; ++i) {
    buffer.hold(kPageFloats, kPageFloats);
    EXPECT_EQ(part.sum().item<float>(), 0.0F);
    part.fill_(1.0);
    buffer.release(kPageFloats, kPageFloats);
    EXPECT_EQ(resident_bytes(buffer.values()), 0);
  }
}

#ifndef __SANITIZE_ADDRESS__  // it has a handler of its own
TEST(PageBufferDeathTest, WhoTouchesWhatIsReleasedIsToldWhatItIs) {
  const auto touch = [](int64_t at) {
    const PageBuffer buffer(kValues, PageBuffer::Released::kGuarded, "values");
    const float* const values = buffer.values().const_data_ptr<float>();
    explain_guarded(values, kPageFloats, "the first page is not there", 7);
    explain_guarded(values + kPageFloats, kPageFloats, "nor is the second", 8);
    volatile float read = values[at];
    (void)read;
  };
  EXPECT_EXIT(touch(10), testing::ExitedWithCode(7), "the first page is not there");
  EXPECT_EXIT(touch(kPageFloats), testing::ExitedWithCode(8), "nor is the second");
  EXPECT_EXIT(touch(2 * kPageFloats), testing::KilledBySignal(SIGSEGV), "");
}
#endif

TEST(PageBuffer, MoreThanThereAreAddressesIsRefusedByName) {
  try {
    const PageBuffer buffer(int64_t{1} << 50, PageBuffer::Released::kZeros, "gradients");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("no addresses for gradients"), std::string::npos)
        << e.what();
  }
}

}  // namespace
}  // namespace slipway
