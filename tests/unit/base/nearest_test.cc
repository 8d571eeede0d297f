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

TEST(Nearest, CountsOverLongerTexts) {
  EXPECT_EQ(edit_distance("abcdef", "badcfe"), 3u) << "three transpositions";
  EXPECT_EQ(edit_distance("intention", "execution"), 5u);
  EXPECT_EQ(edit_distance("ca", "abc"), 3u) << "restricted: nothing is edited twice";
  EXPECT_EQ(edit_distance("abc", ""), 3u);
}

TEST(Nearest, AThirdOfTheLengthIsNear) {
  EXPECT_EQ(nearest("abx", std::vector<std::string>{"abc"}), "abc");
  EXPECT_EQ(nearest("axx", std::vector<std::string>{"abc"}), "");
  EXPECT_EQ(nearest("ab", std::vector<std::string>{"abc"}), "abc") << "of the longer one";
}

TEST(Nearest, NamesOfAnyLengthCostLittle) {
  const std::string huge(20'000'000, 'x');
  EXPECT_EQ(nearest(huge, std::vector<std::string>{huge, "seed"}), "");
  EXPECT_EQ(nearest("sede", std::vector<std::string>{huge, "seed"}), "seed");
}

TEST(Nearest, SuggestsOnlyWhatIsNear) {
  const std::vector<std::string> known = {"learning_rate", "weight_decay", "seed"};
  EXPECT_EQ(nearest("learnin_rate", known), "learning_rate");
  EXPECT_EQ(nearest("learn", known), "learning_rate");  // begun, not finished
  EXPECT_EQ(nearest("--temp",
                    std::vector<std::string>{"--help", "--temperature", "--temperature-of-all"}),
            "--temperature");
  EXPECT_EQ(nearest("le", known), "");
  EXPECT_EQ(nearest("LEARNING_RATE", known), "learning_rate");
  EXPECT_EQ(nearest("sede", known), "seed");
  EXPECT_EQ(nearest("temperature", known), "");
  EXPECT_EQ(did_you_mean("learnin_rate", known), ", did you mean \"learning_rate\"?");
  EXPECT_EQ(did_you_mean("zzz", known), "");
}

}  // namespace
}  // namespace slipway
