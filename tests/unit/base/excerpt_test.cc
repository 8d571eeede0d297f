// Text that messages quote.
#include "base/excerpt.h"

#include <gtest/gtest.h>

namespace slipway {
namespace {

TEST(Excerpt, CutsLongTextsBetweenCharacters) {
  EXPECT_EQ(excerpt("model.norm.weight"), "model.norm.weight");
  EXPECT_EQ(excerpt("abcdef", 3), "abc... (6 bytes)");
  EXPECT_EQ(excerpt("ab\u00e9f", 3), "ab... (5 bytes)") << "half an e with an accent";
  EXPECT_EQ(excerpt("", 0), "");
}

}  // namespace
}  // namespace slipway
