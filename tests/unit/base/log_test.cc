// Warnings that several processes share.
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Said on standard error by `body`; afterwards this process is alone again.
template <class Body>
std::string said(const Body& body) {
  testing::internal::CaptureStderr();
  body();
  keep_warnings(0);
  settle_warnings();
  return testing::internal::GetCapturedStderr();
}

TEST(SharedWarnings, TheFirstRankSaysItsOwnAtOnce) {
  const std::string text = said([] {
    keep_warnings(0);
    log_warn("the file is old");
    EXPECT_THAT(kept_warnings(), ElementsAre("the file is old"));
    settle_warnings({});
    EXPECT_THAT(kept_warnings(), ElementsAre());
    log_warn_for_all("for all");
  });
  EXPECT_EQ(text, "warning: the file is old\nwarning: for all\n");
}

TEST(SharedWarnings, AnotherOneSaysWhatIsItsOwnWithItsName) {
  const std::string text = said([] {
    keep_warnings(3);
    log_warn("the file is old");
    log_warn("the disk here is slow");
    log_info("started");
    EXPECT_THAT(kept_warnings(), ElementsAre("the file is old", "the disk here is slow"));
    settle_warnings({"the file is old"});
    log_warn("a late one");
    log_warn("rank 3 has waited 60 s");
    log_warn_for_all("for all");
  });
  EXPECT_EQ(text,
            "info: started\nwarning: rank 3: the disk here is slow\nwarning: rank 3: a late one\n"
            "warning: rank 3 has waited 60 s\n");
}

TEST(SharedWarnings, AnErrorLetsOutWhatWasKept) {
  const std::string text = said([] {
    keep_warnings(1);
    log_warn("no room is left");
    log_message(LogLevel::kError, "it ends");
  });
  EXPECT_EQ(text, "warning: rank 1: no room is left\nerror: it ends\n");
}

TEST(SharedWarnings, WhatIsTooQuietToBeSaidIsNotKept) {
  const LogLevel before = log_level();
  set_log_level(LogLevel::kError);
  const std::string text = said([] {
    keep_warnings(1);
    log_warn("nobody asked");
    EXPECT_THAT(kept_warnings(), ElementsAre());
  });
  set_log_level(before);
  EXPECT_THAT(text, Not(HasSubstr("asked")));
}

}  // namespace
}  // namespace slipway
