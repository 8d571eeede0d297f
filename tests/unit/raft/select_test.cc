// Selection and the discard rules.
#include "raft/select.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"

namespace slipway {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<Answer> answers_of(const std::vector<std::tuple<size_t, double, std::string>>& rows) {
  std::vector<Answer> out;
  for (const auto& [prompt, reward, text] : rows)
    out.push_back({prompt, 0, {1, 2}, text, true, reward, reward});
  return out;
}

TEST(Select, LocalKeepsTheBestOfEachPromptAndTheEarlierOfEquals) {
  auto answers = answers_of({{0, 1, "a"}, {0, 3, "b"}, {0, 3, "c"}, {1, -5, "d"}, {1, -6, "e"}});
  EXPECT_EQ(select_answers(answers, {}), (std::vector<size_t>{1, 3}));
  EXPECT_TRUE(answers[1].kept);
  EXPECT_FALSE(answers[2].kept);
}

TEST(Select, TopKeepsTheBestOfAll) {
  auto answers = answers_of({{0, 1, "a"}, {0, 3, "b"}, {1, 2, "c"}, {1, 9, "d"}, {2, 0, "e"}});
  EXPECT_EQ(select_answers(answers, {false, 0.5, {}}), (std::vector<size_t>{3, 1}));
  EXPECT_EQ(select_answers(answers, {false, 0.01, {}}).size(), 1u);  // never nothing
  EXPECT_EQ(select_answers(answers, {false, 1.0, {}}).size(), 5u);
}

TEST(Select, TheShareToKeepIsOfAllAnswersNotOfThoseThatRulesLeave) {
  auto answers =
      answers_of({{0, 1, "a"}, {0, 3, "#"}, {1, 2, "#"}, {1, 9, "d"}, {2, 0, "e"}, {2, 7, "#"}});
  EXPECT_EQ(select_answers(answers, {false, 0.5, {DiscardRule("contains:#")}}),
            (std::vector<size_t>{3, 0, 4}));
}

TEST(Select, WhatIsKeptWithoutRulesIsKnownBeforehand) {
  EXPECT_EQ(kept_at_most({}, 6, 4), 6u);
  EXPECT_EQ(kept_at_most({false, 0.5, {}}, 6, 4), 12u);
  EXPECT_EQ(kept_at_most({false, 0.3, {}}, 6, 4), 7u);
  EXPECT_EQ(kept_at_most({false, 0.01, {}}, 6, 4), 1u);
}

TEST(Select, DiscardedAnswersAreNeverKept) {
  auto answers = answers_of({{0, 9, " \n"}, {0, 1, "fine"}, {1, 9, "has # in it"}});
  SelectionSettings settings;
  settings.discard = {DiscardRule("empty"), DiscardRule("contains:#")};
  EXPECT_EQ(select_answers(answers, settings), (std::vector<size_t>{1}));
  EXPECT_TRUE(answers[0].discarded && answers[2].discarded);
}

TEST(Select, TheShareIsOfAllAnswersNotOfTheCandidates) {
  auto answers = answers_of({{0, 9, ""},
                             {0, 8, ""},
                             {0, 1, "a"},
                             {1, 3, "b"},
                             {1, 2, "c"},
                             {1, 7, "d"},
                             {1, 0, "e"},
                             {1, kNaN, "f"}});
  SelectionSettings settings{false, 0.5, {DiscardRule("empty")}};
  // half of eight, of five
  EXPECT_EQ(select_answers(answers, settings), (std::vector<size_t>{5, 3, 4, 2}));
}

TEST(Select, AnAnswerWithoutARankingIsNoCandidate) {
  auto answers = answers_of({{0, kNaN, "a"}, {0, -5, "b"}, {0, kNaN, "c"}, {1, kNaN, "d"}});
  // and the second prompt gives nothing
  EXPECT_EQ(select_answers(answers, {}), (std::vector<size_t>{1}));
  EXPECT_EQ(select_answers(answers, {false, 1.0, {}}), (std::vector<size_t>{1}));
  EXPECT_FALSE(answers[0].kept || answers[3].kept || answers[0].discarded);
  auto none = answers_of({{0, kNaN, "a"}, {1, kNaN, "b"}});
  EXPECT_TRUE(select_answers(none, {}).empty());
  EXPECT_TRUE(select_answers(none, {false, 1.0, {}}).empty());
}

TEST(Select, RulesCountCharactersNotBytes) {
  Answer answer;
  answer.text = "\u00e4\u00f6\u00fc";
  EXPECT_FALSE(DiscardRule("shorter:3").applies(answer));
  EXPECT_TRUE(DiscardRule("shorter:4").applies(answer));
  answer.finished = false;
  EXPECT_TRUE(DiscardRule("unfinished").applies(answer));
}

TEST(Select, UnknownRulesAreNamed) {
  for (const char* rule : {"emty", "contains:", "contains", "shorter:x", "shorter", ""})
    EXPECT_THROW(DiscardRule{rule}, Error) << rule;
}

}  // namespace
}  // namespace slipway
