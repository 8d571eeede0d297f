// Figures of an iteration's answers, counted by hand.
#include "raft/answer_figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace slipway {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(AnswerFigures, AreOverTheAnswersThatHaveAReward) {
  std::vector<Answer> answers = {
      {0, 0, {1, 2, 3}, "a", true, 4, 4, false, false},
      {0, 1, {1, 2}, "b", false, 8, 8, false, true},
      {1, 0, {1}, "c", false, kNaN, kNaN, true, false},
      {1, 1, {5, 6}, "d", true, 0, 0, false, true},
  };
  const Json figures = answer_figures(answers);
  EXPECT_DOUBLE_EQ(figures.at("reward_mean").get<double>(), 4);
  EXPECT_DOUBLE_EQ(figures.at("reward_std").get<double>(), std::sqrt(32.0 / 3));
  // the second prompt's first answer has none
  EXPECT_DOUBLE_EQ(figures.at("policy_reward").get<double>(), 4);
  EXPECT_DOUBLE_EQ(figures.at("selected_reward").get<double>(), 4);
  EXPECT_DOUBLE_EQ(figures.at("distinct_1").get<double>(), 5.0 / 8);
  EXPECT_DOUBLE_EQ(figures.at("distinct_2").get<double>(), 3.0 / 4);  // 1 2, 2 3, 1 2, 5 6
  EXPECT_DOUBLE_EQ(figures.at("mean_length").get<double>(), 2);
  EXPECT_DOUBLE_EQ(figures.at("cut_share").get<double>(), 0.5);
  EXPECT_DOUBLE_EQ(figures.at("discarded_share").get<double>(), 0.25);
  EXPECT_DOUBLE_EQ(figures.at("unscored_share").get<double>(), 0.25);
  EXPECT_EQ(figures.at("selected"), 2);
}

TEST(AnswerFigures, WithoutARewardTheMeansAreNone) {
  const std::vector<Answer> answers = {{0, 0, {1}, "a", true, kNaN, kNaN, false, false}};
  const Json figures = answer_figures(answers);
  for (const char* name : {"reward_mean", "reward_std", "policy_reward", "selected_reward"})
    EXPECT_THAT(figures.at(name).get<double>(), testing::IsNan()) << name;
  EXPECT_EQ(figures.at("selected"), 0);
}

}  // namespace
}  // namespace slipway
