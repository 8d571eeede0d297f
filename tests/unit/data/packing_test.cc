// Sequences end to end.
#include "data/packing.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace slipway {
namespace {

using Spans = std::vector<std::vector<std::pair<int64_t, int64_t>>>;

Spans spans_of(const PackedBatch& batch) {
  Spans out;
  for (const auto& tree : batch.trees) {
    out.emplace_back();
    for (const TokenSpan& span : tree) out.back().emplace_back(span.begin, span.length);
  }
  return out;
}

TEST(Packing, RowsAndTargetsOfMixedExamples) {
  const Example whole{{5, 6, 7}, 0}, completion{{1, 2, 3, 4}, 2}, single{{9}, 0}, silent{{8, 8}, 2};
  EXPECT_EQ(whole.label_tokens(), 2);
  EXPECT_EQ(completion.label_tokens(), 2);
  EXPECT_EQ(single.label_tokens(), 0);
  EXPECT_EQ(silent.label_tokens(), 0);
  const std::vector<const Example*> all = {&whole, &completion, &single, &silent};
  const PackedBatch b = pack(all);
  EXPECT_EQ(b.ids, (std::vector<int64_t>{5, 6, 7, 1, 2, 3, 4, 9, 8, 8}));
  EXPECT_EQ(b.positions, (std::vector<int64_t>{0, 1, 2, 0, 1, 2, 3, 0, 0, 1}));
  EXPECT_EQ(spans_of(b), (Spans{{{0, 3}}, {{3, 4}}, {{7, 1}}, {{8, 2}}}));
  EXPECT_EQ(b.rows, (std::vector<int64_t>{0, 1, 4, 5}));
  EXPECT_EQ(b.targets, (std::vector<int64_t>{6, 7, 3, 4}));
}

TEST(Packing, LossOnSeveralTurns) {
  Example talk{{1, 2, 3, 4, 5, 6, 7}, 1};
  talk.loss = {{1, 2}, {5, 9}};  // the last one was cut
  EXPECT_EQ(talk.labels(), (std::vector<int64_t>{1, 2, 5, 6}));
  EXPECT_EQ(talk.label_tokens(), 4);
  const std::vector<const Example*> all = {&talk};
  const PackedBatch b = pack(all);
  EXPECT_EQ(b.rows, (std::vector<int64_t>{0, 1, 4, 5}));
  EXPECT_EQ(b.targets, (std::vector<int64_t>{2, 3, 6, 7}));
  Example first{{1, 2}, 0};
  first.loss = {{0, 1}};  // nothing comes before it
  EXPECT_EQ(first.label_tokens(), 0);
}

TEST(Packing, AnswersToOnePromptShareIt) {
  const Example a{{1, 2, 3, 10, 11}, 3}, other{{1, 2, 4, 12}, 3}, b{{1, 2, 3, 13}, 3},
      shorter{{1, 2, 3, 14}, 2};
  const std::vector<const Example*> all = {&a, &other, &b, &shorter};
  const PackedBatch packed = pack(all);
  EXPECT_EQ(packed.ids, (std::vector<int64_t>{1, 2, 3, 10, 11, 13, 1, 2, 4, 12, 1, 2, 3, 14}));
  EXPECT_EQ(packed.positions, (std::vector<int64_t>{0, 1, 2, 3, 4, 3, 0, 1, 2, 3, 0, 1, 2, 3}));
  EXPECT_EQ(spans_of(packed), (Spans{{{0, 3}, {3, 2}, {5, 1}}, {{6, 4}}, {{10, 4}}}));
  EXPECT_EQ(packed.rows, (std::vector<int64_t>{2, 3, 8, 2, 11, 12}));
  EXPECT_EQ(packed.targets, (std::vector<int64_t>{10, 11, 12, 13, 3, 14}));
}

TEST(Packing, PromptsThatLieApart) {
  const Example a{{1, 2, 3, 10, 11}, 3}, b{{1, 2, 3, 13}, 3};
  const std::vector<const Example*> all = {&a, &b};
  const PackedBatch packed = pack(all, Prompts::kApart);
  EXPECT_EQ(packed.ids, (std::vector<int64_t>{1, 2, 3, 10, 11, 1, 2, 3, 13}));
  EXPECT_EQ(spans_of(packed), (Spans{{{0, 5}}, {{5, 4}}}));
  EXPECT_EQ(packed.examples, all);
  EXPECT_EQ(pack(all).examples, all);
  EXPECT_EQ(pack_parts(all, 5, Prompts::kApart).size(), 2u);
  EXPECT_EQ(pack_parts(all, 5).size(), 1u);  // one prompt's examples are not taken apart
}

TEST(Packing, PartsAreBalancedAndKeepTheBudget) {
  std::vector<Example> examples;
  for (const size_t length : {30, 5, 90, 40, 3, 250, 7, 60})
    examples.push_back({std::vector<int32_t>(length, static_cast<int32_t>(length)), 0});
  std::vector<const Example*> all;
  for (const Example& e : examples) all.push_back(&e);
  EXPECT_EQ(pack_parts(all, 0).size(), 1u);
  EXPECT_EQ(pack_parts(all, 485).size(), 1u);
  for (const int64_t budget : {1, 8, 100, 128, 250, 484}) {
    std::vector<int64_t> lengths;
    for (const PackedBatch& part : pack_parts(all, budget)) {
      EXPECT_TRUE(static_cast<int64_t>(part.ids.size()) <= budget || part.trees.size() == 1)
          << budget;
      for (const auto& tree : part.trees) lengths.push_back(tree[0].length);
    }
    std::ranges::sort(lengths);
    EXPECT_EQ(lengths, (std::vector<int64_t>{3, 5, 7, 30, 40, 60, 90, 250})) << budget;
  }
  const std::vector<PackedBatch> two = pack_parts(all, 300);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].ids.size(), 250u);
  EXPECT_EQ(two[1].ids.size(), 235u);
}

TEST(Packing, OnePartMoreWhereTheFewestAreTooFull) {
  const Example six{std::vector<int32_t>(6, 1), 0};
  // 18 tokens: two parts of 9 would be enough, if examples could be cut
  const std::vector<const Example*> three = {&six, &six, &six};
  EXPECT_EQ(pack_parts(three, 9, Prompts::kApart).size(), 3u);
  EXPECT_EQ(pack_parts(three, 12, Prompts::kApart).size(), 2u);
}

}  // namespace
}  // namespace slipway
