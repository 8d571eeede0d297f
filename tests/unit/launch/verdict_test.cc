// Who was the cause.
#include "launch/verdict.h"

#include <gtest/gtest.h>

namespace slipway {
namespace {

RankEnd ended(int64_t rank, int code, bool asked = false, bool killed = false) {
  return {rank, static_cast<pid_t>(100 + rank), {code, code > 128 ? code - 128 : 0}, asked, killed};
}

struct Expected {
  int64_t cause;  // -1: none
  int code;
  bool failed = true;
};

void expect(const std::vector<RankEnd>& ends, const Expected& expected) {
  Verdict verdict;
  for (const RankEnd& each : ends) verdict.add(each);
  const auto cause = verdict.cause();
  EXPECT_EQ(cause ? cause->rank : -1, expected.cause);
  EXPECT_EQ(verdict.code(), expected.code);
  EXPECT_EQ(verdict.failed(), expected.failed);
}

TEST(Verdict, TheFirstThatFailedByItselfIsTheCause) {
  expect({}, {-1, 0, false});
  expect({ended(0, 0), ended(1, 0)}, {-1, 0, false});
  expect({ended(1, 3), ended(0, 4, true)}, {1, 3});
  expect({ended(1, 137), ended(0, 143, true)}, {1, 137});
  expect({ended(0, 0), ended(2, 139), ended(1, 143, true)}, {2, 139});
}

TEST(Verdict, ALostProcessIsAConsequence) {
  expect({ended(0, 75), ended(1, 137)}, {1, 137});
  expect({ended(0, 75), ended(1, 143, true), ended(2, 134, true)}, {2, 134});
  expect({ended(0, 75), ended(1, 137, true, true)}, {-1, 75});
  expect({ended(0, 143, true), ended(1, 75, true)}, {-1, 75});
}

TEST(Verdict, StoppedAfterSavingIsTheCodeWhereAllWere) {
  expect({ended(0, 85, true), ended(1, 85, true)}, {-1, 85});
  expect({ended(0, 85), ended(1, 0, true)}, {-1, 85});
  expect({ended(0, 85, true), ended(1, 143, true)}, {-1, 143});
  expect({ended(0, 85, true), ended(1, 137, true, true)}, {-1, 137});
  expect({ended(0, 85, true), ended(1, 1, true)}, {1, 1});
  expect({ended(0, 130, true), ended(1, 143, true)}, {-1, 130});
}

}  // namespace
}  // namespace slipway
