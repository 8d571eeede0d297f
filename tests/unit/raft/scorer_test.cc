// Scoring beside sampling: the order of calls, failures, leaving early.
#include "raft/scorer.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/error.h"

namespace slipway {
namespace {

std::vector<ScoredRow> group_of(int64_t group, int samples) {
  std::vector<ScoredRow> rows;
  for (int s = 0; s < samples; ++s)
    rows.push_back({"p", "c" + std::to_string(s), {1}, {2}, group, true, nullptr});
  return rows;
}

TEST(Scorer, WhoWaitsIsToldHowFarItIsAndMayLeave) {
  std::atomic<bool> go_on = false;
  Scorer scorer(2, [&](const std::vector<ScoredRow>& rows) {
    if (rows[0].group == 1) go_on.wait(false);
    return std::vector<double>(rows.size());
  });
  for (const size_t group : {0, 1}) scorer.submit(group, group_of(static_cast<int64_t>(group), 16));
  std::vector<size_t> told;
  EXPECT_THROW(scorer.finish([&](size_t rows) {
    told.push_back(rows);
    if (told.size() == 2) fail("left");
  }),
               Error);
  EXPECT_EQ(told.back(), 16u);
  const Scored scored = scorer.finish([&](size_t) {
    go_on.store(true);
    go_on.notify_all();
  });
  EXPECT_EQ(scored.rows.size(), 32u);
}

TEST(Scorer, ScoresGroupsInTheirOrderWhateverEndedFirst) {
  std::vector<std::vector<int64_t>> calls;
  Scorer scorer(5, [&](const std::vector<ScoredRow>& rows) {
    std::vector<int64_t> groups;
    std::vector<double> out;
    for (const ScoredRow& row : rows)
      groups.push_back(row.group),
          out.push_back(static_cast<double>(10 * row.group) + (row.completion.back() - '0'));
    calls.push_back(groups);
    return out;
  });
  for (const size_t group : {4, 1, 0, 3, 2})
    scorer.submit(group, group_of(static_cast<int64_t>(group), 9));
  const Scored scored = scorer.finish();
  ASSERT_EQ(scored.rows.size(), 45u);
  for (size_t i = 0; i < 45; ++i) {
    EXPECT_EQ(scored.rows[i].group, static_cast<int64_t>(i / 9));
    EXPECT_EQ(scored.rewards[i], static_cast<double>(10 * (i / 9) + i % 9));
  }
  // Whole groups, at least sixteen rows a call but for the last.
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_EQ(calls[0].size(), 18u);
  EXPECT_EQ(calls[1].front(), 2);
  EXPECT_EQ(calls[2], std::vector<int64_t>(9, 4));
}

TEST(Scorer, WhatACallSaysOfARowStaysWithIt) {
  Scorer scorer(4, [](const std::vector<ScoredRow>& rows) {
    Scores out(std::vector<double>(rows.size(), 0));
    for (size_t i = 0; i < rows.size(); ++i) {
      out.each.push_back({static_cast<double>(rows[i].group), static_cast<double>(rows.size())});
      out.columns.push_back({{"place", i}});
    }
    return out;
  });
  for (const size_t group : {3, 0, 2, 1})
    scorer.submit(group, group_of(static_cast<int64_t>(group), 9));
  const Scored scored = scorer.finish();
  ASSERT_EQ(scored.each.size(), 36u);
  for (size_t i = 0; i < 36; ++i) {
    EXPECT_EQ(scored.each[i], (std::vector<double>{static_cast<double>(i / 9), 18.0})) << i;
    EXPECT_EQ(scored.columns[i].at("place"), i % 18) << i;  // two calls of two groups
  }
}

TEST(Scorer, BeginsBeforeTheLastGroupIsThere) {
  std::atomic<int> calls = 0;
  Scorer scorer(2, [&](const std::vector<ScoredRow>& rows) {
    ++calls;
    calls.notify_all();
    return std::vector<double>(rows.size(), 1.0);
  });
  scorer.submit(0, group_of(0, 16));
  calls.wait(0);  // hangs, and the test's time limit ends it, were scoring to wait for all
  scorer.submit(1, group_of(1, 1));
  EXPECT_EQ(scorer.finish().rewards.size(), 17u);
  EXPECT_EQ(calls, 2);
}

TEST(Scorer, AFailureComesOutOfFinishAndOfLaterSubmissions) {
  Scorer scorer(
      2, [](const std::vector<ScoredRow>&) -> std::vector<double> { fail("no reward today"); });
  scorer.submit(0, group_of(0, 16));
  EXPECT_THROW(scorer.finish(), Error);
  EXPECT_THROW(scorer.submit(1, group_of(1, 1)), Error);
}

TEST(Scorer, ARewardShortOfRowsIsNamed) {
  Scorer scorer(1, [](const std::vector<ScoredRow>&) { return std::vector<double>(); });
  scorer.submit(0, group_of(0, 3));
  try {
    scorer.finish();
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "scoring: 0 rewards for 3 answers");
  }
}

TEST(Scorer, LeavesWithoutWaitingForWhatWasNeverSubmitted) {
  Scorer scorer(
      3, [](const std::vector<ScoredRow>& rows) { return std::vector<double>(rows.size()); });
  scorer.submit(1, group_of(1, 2));
}

TEST(Scorer, NoGroupsAreScoredAtOnce) {
  Scorer scorer(
      0, [](const std::vector<ScoredRow>& rows) { return std::vector<double>(rows.size()); });
  EXPECT_TRUE(scorer.finish().rows.empty());
}

}  // namespace
}  // namespace slipway
