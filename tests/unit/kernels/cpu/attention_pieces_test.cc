// The cut of attention: every query and key once, pieces that share nothing, enough of them for
// many threads.
#include "kernels/cpu/attention_pieces.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>

namespace slipway {
namespace {

using Trees = std::vector<PrefixTree>;
const Trees kSeveral = {{{{0, 1}}},
                        {{{1, 450}, {451, 3}, {454, 0}, {454, 260}}},
                        {{{714, 256}}},
                        {{{970, 257}, {1227, 40}}}};
constexpr int64_t kTokens = 1267;

TEST(AttentionPieces, OneLongSequenceFeedsManyThreads) {
  for (const int64_t kv_heads : {3, 8}) {
    const Trees one = {{{{0, 8192}}}};
    EXPECT_GE(query_pieces(one, kv_heads).size(), 64u * 8) << "several a thread: they end together";
    const auto rounds = backward_rounds(one, kv_heads, {1});
    size_t least = SIZE_MAX;
    for (const auto& round : rounds) least = std::min(least, round.size());
    EXPECT_GE(least, 64u) << "in every round";
  }
}

TEST(AttentionPieces, EveryQueryIsInOneAndTheLargestComeFirst) {
  const std::vector<TokenRun> runs = runs_of(kSeveral);
  std::map<std::pair<int64_t, int64_t>, int> seen;  // token, kv_head
  for (const QueryPiece& piece : query_pieces(kSeveral, 2)) {
    const TokenRun own = runs[static_cast<size_t>(piece.own)];
    ASSERT_LE(piece.first + piece.queries, own.length);
    for (int64_t i = 0; i < piece.queries; ++i)
      ++seen[{own.begin + piece.first + i, piece.kv_head}];
    if (piece.prefix >= 0) {
      EXPECT_LT(piece.prefix, piece.own);
      EXPECT_EQ(runs[static_cast<size_t>(piece.prefix)].begin, own.begin < 714 ? 1 : 970);
    }
  }
  EXPECT_EQ(seen.size(), 2u * kTokens);
  for (const auto& [which, times] : seen) EXPECT_EQ(times, 1) << which.first;
  const std::vector<QueryPiece> pieces = query_pieces({{{{0, 1000}}}}, 1);
  EXPECT_TRUE(std::ranges::is_sorted(
      pieces, [](const QueryPiece& a, const QueryPiece& b) { return a.first > b.first; }));
}

TEST(AttentionPieces, RoundsCoverWhatIsSeenAndShareNothing) {
  // which run of which tree a token is of
  std::vector<std::pair<size_t, size_t>> run_of(kTokens);
  for (size_t tree = 0; tree < kSeveral.size(); ++tree)
    for (size_t r = 0; r < kSeveral[tree].runs.size(); ++r)
      for (int64_t i = 0; i < kSeveral[tree].runs[r].length; ++i)
        run_of[static_cast<size_t>(kSeveral[tree].runs[r].begin + i)] = {tree, r};
  std::set<std::pair<int64_t, int64_t>> pairs;
  std::set<int64_t> queries_came, keys_came;
  for (const auto& round : backward_rounds(kSeveral, 1, {1})) {
    std::set<int64_t> queries, keys;
    for (const BlockPair& pair : round) {
      EXPECT_EQ(pair.first_of_queries, !queries_came.contains(pair.queries.begin));
      EXPECT_EQ(pair.first_of_keys, !keys_came.contains(pair.keys.begin));
      for (int64_t q = 0; q < pair.queries.length; ++q)
        EXPECT_TRUE(queries.insert(pair.queries.begin + q).second) << "two add to one query";
      for (int64_t k = 0; k < pair.keys.length; ++k)
        EXPECT_TRUE(keys.insert(pair.keys.begin + k).second) << "two add to one key";
      for (int64_t q = 0; q < pair.queries.length; ++q)
        for (int64_t k = 0; k < (pair.causal() ? q + 1 : pair.keys.length); ++k)
          EXPECT_TRUE(pairs.insert({pair.queries.begin + q, pair.keys.begin + k}).second);
    }
    queries_came.insert(queries.begin(), queries.end());
    keys_came.insert(keys.begin(), keys.end());
  }
  for (int64_t q = 0; q < kTokens; ++q)
    for (int64_t k = 0; k < kTokens; ++k) {
      const auto [tree, run] = run_of[static_cast<size_t>(q)];
      const auto [key_tree, key_run] = run_of[static_cast<size_t>(k)];
      const bool sees =
          tree == key_tree && ((key_run == run && k <= q) || (key_run == 0 && run > 0));
      ASSERT_EQ(pairs.contains({q, k}), sees) << q << " " << k;
    }
}

TEST(AttentionPieces, ASequencesRoundsAreItsOwn) {
  const auto alone = backward_rounds({kSeveral[1]}, 2, {1}),
             all = backward_rounds(kSeveral, 2, {1});
  for (size_t t = 0; t < all.size(); ++t) {
    std::vector<std::array<int64_t, 3>> expected, got;
    if (t < alone.size())
      for (const BlockPair& pair : alone[t])
        expected.push_back({pair.queries.begin, pair.keys.begin, pair.kv_head});
    for (const BlockPair& pair : all[t])
      if (pair.queries.begin >= 1 && pair.queries.begin < 714)
        got.push_back({pair.queries.begin, pair.keys.begin, pair.kv_head});
    EXPECT_EQ(got, expected) << t;
  }
}

// With a window every key that a query sees is in one pair, and no pair is there for nothing; long
// sequences have as many pairs as their length, not its square.
TEST(AttentionPieces, RoundsLeaveOutWhatNoWindowReaches) {
  const ScoreRule rule{1, 0, 100};
  std::map<std::pair<int64_t, int64_t>, int> pairs;
  for (const auto& round : backward_rounds(kSeveral, 1, rule))
    for (const BlockPair& pair : round) {
      bool seen = false;
      for (int64_t q = 0; q < pair.queries.length; ++q)
        for (int64_t k = 0; k < pair.keys.length; ++k) {
          const int64_t back = pair.ahead + q - k;
          if (back < 0 || back >= rule.window) continue;
          seen = true;
          ++pairs[{pair.queries.begin + q, pair.keys.begin + k}];
        }
      EXPECT_TRUE(seen) << pair.queries.begin << " " << pair.keys.begin;
    }
  int64_t expected = 0;
  for (const PrefixTree& tree : kSeveral)
    for (size_t r = 0; r < tree.runs.size(); ++r)
      for (int64_t i = 0; i < tree.runs[r].length; ++i)
        expected += std::min(rule.window, (r == 0 ? 0 : tree.runs[0].length) + i + 1);
  EXPECT_EQ(static_cast<int64_t>(pairs.size()), expected);
  for (const auto& [which, times] : pairs) EXPECT_EQ(times, 1) << which.first;
  size_t all = 0;
  for (const auto& round : backward_rounds({{{{0, 19200}}}}, 1, rule)) all += round.size();
  EXPECT_LE(all, 2u * 100);
}

}  // namespace
}  // namespace slipway
