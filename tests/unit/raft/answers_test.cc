#include "raft/answers.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace slipway {
namespace {

std::vector<Prompt> prompts_of_lengths(std::initializer_list<size_t> lengths) {
  std::vector<Prompt> out;
  for (const size_t length : lengths) out.push_back({"", std::vector<int32_t>(length, 1)});
  return out;
}

std::vector<std::vector<size_t>> dealt(const std::vector<Prompt>& prompts, int64_t ranks,
                                       int64_t most_drawn) {
  std::vector<const Prompt*> asked;
  for (const Prompt& prompt : prompts) asked.push_back(&prompt);
  std::vector<std::vector<size_t>> out;
  for (int64_t rank = 0; rank < ranks; ++rank)
    out.push_back(prompts_of_rank(asked, rank, ranks, most_drawn));
  return out;
}

TEST(PromptsOfRank, AreEachPromptOnceAndAboutAsManyTokens) {
  const std::vector<Prompt> prompts = prompts_of_lengths({3, 100, 7, 7, 50, 1, 49, 20});
  EXPECT_EQ(dealt(prompts, 1, 0), (std::vector<std::vector<size_t>>{{0, 1, 2, 3, 4, 5, 6, 7}}));
  // 100 + 7 + 7 + 3 + 1 and 50 + 49 + 20, dealt from the longest on
  EXPECT_EQ(dealt(prompts, 2, 0), (std::vector<std::vector<size_t>>{{0, 1, 2, 3, 5}, {4, 6, 7}}));
  for (const int64_t ranks : {2, 3, 5}) {
    std::vector<size_t> all;
    std::vector<size_t> tokens;
    for (const std::vector<size_t>& own : dealt(prompts, ranks, 10)) {
      EXPECT_TRUE(std::ranges::is_sorted(own));
      all.insert(all.end(), own.begin(), own.end());
      tokens.push_back(0);
      for (const size_t i : own) tokens.back() += prompts[i].ids.size() + 10;
    }
    std::ranges::sort(all);
    EXPECT_EQ(all, (std::vector<size_t>{0, 1, 2, 3, 4, 5, 6, 7})) << ranks;
    // the longest prompt alone is the most that one can have beyond another
    EXPECT_LE(std::ranges::max(tokens) - std::ranges::min(tokens), 110u) << ranks;
  }
}

TEST(PromptsOfRank, WhatIsDrawnCountsMoreThanShortPrompts) {
  // with 1,000 drawn tokens each, every rank has as many prompts
  for (const std::vector<size_t>& own : dealt(prompts_of_lengths({90, 1, 1, 1, 1, 1}), 3, 1000))
    EXPECT_EQ(own.size(), 2u);
}

TEST(PromptsOfRank, MayBeNone) {
  const std::vector<std::vector<size_t>> own = dealt(prompts_of_lengths({5, 4}), 4, 8);
  EXPECT_EQ(own, (std::vector<std::vector<size_t>>{{0}, {1}, {}, {}}));
}

}  // namespace
}  // namespace slipway
