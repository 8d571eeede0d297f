// Suggestions for mistyped names.
#include "base/nearest.h"

#include <gtest/gtest.h>

#include <vector>

namespace slipway {
namespace {

TEST(Nearest, CountsEditsAndTranspositions) {
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", "abc"), 0u);
  EXPECT_EQ(edit_distance("acb", "abc"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(Nearest, SuggestsOnlyWhatIsNear) {
  const std::vector<std::string> known = {"learning_rate", "weight_decay", "seed"};
  EXPECT_EQ(nearest("learnin_rate", known), "learning_rate");
  EXPECT_EQ(nearest("LEARNING_RATE", known), "learning_rate");
  EXPECT_EQ(nearest("sede", known), "seed");
  EXPECT_EQ(nearest("temperature", known), "");
  EXPECT_EQ(did_you_mean("learnin_rate", known), ", did you mean \"learning_rate\"?");
  EXPECT_EQ(did_you_mean("zzz", known), "");
}

}  // namespace
}  // namespace slipway
