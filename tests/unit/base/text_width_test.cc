// Wrapping text.
#include "base/text_width.h"

#include <gtest/gtest.h>

namespace slipway {
namespace {

TEST(TextWidth, BreaksBetweenWords) {
  EXPECT_EQ(wrapped("one two three", 0, 8), "one two\nthree");
  EXPECT_EQ(wrapped("one two three", 2, 9), "one two\n  three");
  EXPECT_EQ(wrapped("one two", 0, 7), "one two");
  EXPECT_EQ(wrapped("one two", 0, 6), "one\ntwo");
}

TEST(TextWidth, LongWordsAndLineBreaksStay) {
  EXPECT_EQ(wrapped("a /long/long/path b", 2, 8), "a\n  /long/long/path\n  b");
  EXPECT_EQ(wrapped("a\nb  c", 1, 80), "a\n b c");
  EXPECT_EQ(wrapped("a:\n  x = 1\n\n  y = 2", 1, 80), "a:\n   x = 1\n \n   y = 2");
  EXPECT_EQ(wrapped("", 4, 80), "");
  EXPECT_EQ(wrapped("a:\n  one two\nb", 1, 8), "a:\n   one\n   two\n b")
      << "a line that is moved in stays so";
}

TEST(TextWidth, WhatIsNoTerminalHasAHundredColumns) { EXPECT_EQ(columns_of(-1), 100u); }

}  // namespace
}  // namespace slipway
