// Names with a number.
#include "base/numbered_name.h"

#include <gtest/gtest.h>

namespace slipway {
namespace {

TEST(NumberedName, HasDigitsAloneBetweenItsEnds) {
  EXPECT_EQ(number_in_name("checkpoint-20", "checkpoint-"), 20);
  EXPECT_EQ(number_in_name("iteration-0003.jsonl", "iteration-", ".jsonl"), 3);
  for (const char* name :
       {"checkpoint-", "checkpoint-20.tmp", "checkpoint--1", "checkpoint-+1", "checkpoint- 1",
        "Checkpoint-1", "../checkpoint-1", "checkpoint-99999999999999999999"})
    EXPECT_EQ(number_in_name(name, "checkpoint-"), std::nullopt) << name;
  EXPECT_EQ(number_in_name("eval-.jsonl", "eval-", ".jsonl"), std::nullopt);
  EXPECT_EQ(number_in_name("eval-7", "eval-", ".jsonl"), std::nullopt);
  EXPECT_EQ(number_in_name("a", "ab", "a"), std::nullopt);
}

}  // namespace
}  // namespace slipway
