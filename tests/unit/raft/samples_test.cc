// Answers as files and loggers have them.
#include "raft/samples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace slipway {
namespace {

using testing::ElementsAre;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
const std::vector<RewardLabel> kOne = {{"a", "org.test.a"}},
                               kTwo = {{"a", "org.test.a"}, {"b", "org.test.b"}};

Answer answer_of(size_t prompt, double reward, std::vector<double> scores, bool kept) {
  Answer out{prompt, 1, {4, 5}, "text", true, reward, reward, false, kept, -1.5};
  out.scores = std::move(scores);
  return out;
}

TEST(Samples, ARowHasEachRewardAndNullWhereThereIsNone) {
  Answer some = answer_of(0, 0.5, {0.5, kNaN}, true);
  some.columns["a/why"] = "short";
  EXPECT_EQ(
      sample_line(sample_row("p", some, kTwo)),
      R"({"prompt":"p","completion":"text","reward":0.5,"ranking":0.5,"kept":true,"discarded":false,"finished":true,"sample":1,"logprob":-1.5,)"
      R"("rewards":{"a":0.5,"b":null},"columns":{"a/why":"short"}})"
      "\n");
  const Json none = sample_row("p", answer_of(0, kNaN, {kNaN}, false), kOne);
  EXPECT_TRUE(parse_json(sample_line(none), "line").at("reward").is_null());
  EXPECT_FALSE(none.contains("columns"));
  EXPECT_EQ(sample_line({{"prompt", "\xff"}}), "{\"prompt\":\"\uFFFD\"}\n");
}

TEST(Samples, LoggersGetTheFirstThatAreKept) {
  const std::string p = "p", q = "q";
  const std::vector<const std::string*> prompts = {&p, &q};
  std::vector<Answer> answers = {answer_of(0, 1, {1, 2}, false), answer_of(0, 2, {2, 3}, true),
                                 answer_of(1, 3, {3, 4}, true), answer_of(1, 4, {4, 5}, true)};
  answers[0].columns["a/gone"] = 1;
  answers[2].columns["a/why"] = "short";
  const SampleTable table = kept_samples(prompts, answers, kTwo, 2);
  EXPECT_THAT(table.columns, ElementsAre("prompt", "completion", "reward", "kept", "rewards/a",
                                         "rewards/b", "a/why"));
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0][0].s, "p");
  EXPECT_EQ(table.rows[1][0].s, "q");
  EXPECT_EQ(table.rows[1][5].f, 4);
  EXPECT_EQ(table.rows[0][6].s, "");
  EXPECT_EQ(table.rows[1][6].s, "short");
  EXPECT_EQ(samples_markdown(table), "- `+2.00` **p**text\n- `+3.00` **q**text\n");
  // a line each, whatever a text holds
  EXPECT_EQ(samples_markdown({{"prompt", "completion", "reward"},
                              {{Value::of(std::string("a\nb")), Value::of(std::string("\n\nc")),
                                Value::of(-0.5)}}}),
            "- `-0.50` **a\u21b5b**\u21b5\u21b5c\n");
  // the only one is the reward
  EXPECT_THAT(kept_samples(prompts, {answers[1]}, kOne, 8).columns,
              ElementsAre("prompt", "completion", "reward", "kept"));
}

}  // namespace
}  // namespace slipway
