// What is written beside the loop, and how the loop hears of its end.
#include "record/checkpoint_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "base/error.h"

namespace slipway {
namespace {

TEST(CheckpointThread, TheLoopGoesOnMeanwhile) {
  CheckpointThread thread;
  std::promise<void> goes_on;
  std::thread::id wrote;
  EXPECT_FALSE(thread.begun());
  EXPECT_NO_THROW(thread.finish());
  thread.begin([&] {
    goes_on.get_future().wait();
    wrote = std::this_thread::get_id();
  });
  EXPECT_TRUE(thread.begun());
  EXPECT_TRUE(thread.busy());
  EXPECT_EQ(thread.seconds(), std::nullopt);
  goes_on.set_value();
  thread.finish();
  EXPECT_FALSE(thread.begun());
  EXPECT_NE(wrote, std::thread::id());
  EXPECT_NE(wrote, std::this_thread::get_id());
  EXPECT_GE(thread.seconds(), 0.0);
}

TEST(CheckpointThread, WhatGoesWrongIsToldOnce) {
  CheckpointThread thread;
  thread.begin([] { fail("the disk is full"); });
  while (thread.busy()) std::this_thread::yield();
  EXPECT_TRUE(thread.begun());
  EXPECT_THAT([&] { thread.finish(); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("the disk is full")));
  EXPECT_NO_THROW(thread.finish());
  thread.begin([] {});
  EXPECT_NO_THROW(thread.finish());
}

TEST(CheckpointThread, WhatIsWrittenFromIsGoneWhenItHasEnded) {
  CheckpointThread thread;
  auto memory = std::make_shared<int>(1);
  const std::weak_ptr<int> there = memory;
  thread.begin([memory = std::move(memory)] {});
  while (thread.busy()) std::this_thread::yield();
  EXPECT_TRUE(there.expired());
}

TEST(CheckpointThread, ItsEndIsWaitedForAndAFailureThatNobodyAskedForIsAWarning) {
  bool written = false;
  testing::internal::CaptureStderr();
  {
    CheckpointThread thread;
    thread.begin([&] {
      written = true;
      fail("the disk is full");
    });
  }
  EXPECT_TRUE(written);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "warning: the disk is full\n");
}

}  // namespace
}  // namespace slipway
