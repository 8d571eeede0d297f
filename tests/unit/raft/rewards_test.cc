// Several rewards: the sum, figures of each, silence.
#include "raft/rewards.h"

#include <cmath>
#include <limits>

#include "plugin/report_board.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::IsNan;
using testing::Not;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

RewardPlugin weighted(const std::string& name, double weight, ReportBoard& board) {
  RunFacts facts;
  facts.reports = &board;
  facts.reports_apart = true;
  return RewardPlugin(instance(fixture(name), {}, facts), weight);
}

class Rewards : public testing::Test {
 protected:
  Rewards() {
    rewards.push_back(weighted("judge", 0.5, board));
    rewards.push_back(weighted("good", -1, board));
    rewards.push_back(weighted("judge", 2, board));
  }
  ReportBoard board;
  std::vector<RewardPlugin> rewards;
};

TEST_F(Rewards, ARowIsScoredByThoseThatHaveAnOpinion) {
  const Scores scores = scoring(rewards, 1, false)(rows({"abc", "", "x"}));
  EXPECT_THAT(scores.each[0], ElementsAre(2, 1, 0.5, 3, 2, 1, 0.5));
  EXPECT_THAT(scores.each[1], ElementsAre(IsNan(), IsNan(), IsNan(), 0, IsNan(), IsNan(), IsNan()));
  EXPECT_THAT(scores.sums, ElementsAre(0.5 * 12 - 3 + 2 * 12, 0, 0.5 * 1 - 1 + 2 * 1));
  EXPECT_EQ(scores.columns[0].dump(),
            R"({"judge/letters":3,"judge/text":"abc","judge-2/letters":3,"judge-2/text":"abc"})");
  rewards.erase(rewards.begin() + 1);
  EXPECT_THAT(scoring(rewards, 1, false)(rows({"", "a"})).sums, ElementsAre(IsNan(), Not(IsNan())));
}

TEST_F(Rewards, TwoBlocksOfOnePluginHaveNamesOfTheirOwn) {
  std::vector<std::string> names;
  for (const RewardLabel& label : reward_labels(rewards)) names.push_back(label.name);
  EXPECT_THAT(names, ElementsAre("judge/odd_name", "judge/shape", "judge/shape-2", "good",
                                 "judge-2/odd_name", "judge-2/shape", "judge-2/shape-2"));
}

TEST_F(Rewards, WhatTheyReportIsFoldedOverTheCalls) {
  const auto score = scoring(rewards, 1, false);
  score(rows({"a", "b"}));
  score(rows({"c", "d", "e"}));
  EXPECT_EQ(
      reported_by(RankGroup::alone(), rewards, "eval_").dump(),
      R"({"eval_judge/rows":5.0,"eval_judge/largest_batch":3.0,"eval_judge-2/rows":5.0,"eval_judge-2/largest_batch":3.0})");
  EXPECT_TRUE(reported_by(RankGroup::alone(), rewards, "").empty());
  EXPECT_TRUE(board.take(false).empty() && board.take(true).empty());
}

TEST(RewardFigures, AreOverTheRowsWithAnOpinion) {
  const std::vector<RewardLabel> labels = {{"a", "org.test.a"}, {"b", "org.test.b"}};
  const Json figures = reward_figures(labels, {{1, kNaN}, {kNaN, kNaN}, {4, kNaN}}, "eval_");
  EXPECT_DOUBLE_EQ(figures.at("eval_rewards/a/mean").get<double>(), 2.5);
  EXPECT_DOUBLE_EQ(figures.at("eval_rewards/a/std").get<double>(), 1.5);
  EXPECT_THAT(figures.at("eval_rewards/b/mean").get<double>(), IsNan());
  EXPECT_EQ(named_scores(labels, {0.5, kNaN}).dump(), R"({"a":0.5,"b":null})");
}

TEST(RewardFigures, MomentsOfNothingAreNone) {
  const std::vector<double> some = {1, kNaN, 3}, none = {kNaN};
  EXPECT_DOUBLE_EQ(moments_of(some).mean, 2);
  EXPECT_DOUBLE_EQ(moments_of(some).std, 1);
  EXPECT_THAT(moments_of(none).mean, IsNan());
  EXPECT_THAT(moments_of({}).mean, IsNan());
}

TEST(RewardFigures, SilenceNamesThePlugin) {
  const std::vector<RewardLabel> labels = {{"a", "org.test.a"}, {"b", "org.test.b"}};
  EXPECT_THAT(opinions_of(2, {{1, kNaN}, {2, kNaN}}), ElementsAre(2, 0));
  testing::internal::CaptureStderr();
  warn_of_silence(labels, {2, 0}, 5, "iteration 3");
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::AllOf(testing::HasSubstr("iteration 3: reward b of plugin org.test.b has no "
                                                "opinion (NaN) on any of 5 answers"),
                             Not(testing::HasSubstr("reward a"))));
  EXPECT_EQ(error_of([&] { refuse_silence(labels, {1, 1}); }), "");
  EXPECT_EQ(error_of([&] { refuse_silence(labels, {2, 0}); }),
            "plugin org.test.b: reward b has had no opinion (NaN) on any answer so far; does the "
            "data have what it reads? Leave its [[reward]] out, or correct it");
}

}  // namespace
}  // namespace slipway
