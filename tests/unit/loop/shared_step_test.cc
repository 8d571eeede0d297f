// A step that ranks share, with a second rank that has computed the same as this one.
#include "loop/shared_step.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/error.h"
#include "loop/loss.h"
#include "tests/unit/loop/shared_model.h"
#include "tests/unit/loop/stand_in_ranks.h"
#include "tests/unit/loop/tiny_model.h"

namespace slipway {
namespace {

TEST(SharedStep, GradientsAreSumsFromTheSecondStepOnWhileTheBackwardPassGoesOn) {
  PlainModel plain(kSharedVocab, kSharedHidden, declared(),
                   {shared_embed(), shared_block(), shared_head()}, 2, kEachSegment);
  Model& model = *plain.model;
  const at::Tensor expected = 2 * own_gradients(model);
  Doubled ranks;
  SharedStep shared(grid(ranks), model);
  for (int step = 0; step < 3; ++step) {
    model.parameters().zero_grad();
    ranks.begun.clear();
    shared.begin_pass(true);
    const double loss = loss_backward(model, shared_batch(), 7);
    // Only the embedding's are complete at the end alone; the first step is watched.
    EXPECT_EQ(ranks.begun.size(), step == 0 ? 0u : 2u);
    const SharedStep::Sums sums = shared.finish(loss, false);
    EXPECT_EQ(std::ranges::count(ranks.begun, "the gradients"), 3);
    EXPECT_TRUE(gradients_of(model).equal(expected));
    EXPECT_DOUBLE_EQ(sums.loss, 2 * loss);
    EXPECT_FALSE(sums.stop);
  }
  EXPECT_TRUE(shared.finish(0, true).stop);
}

// The head uses the block's parameter too, which is said to be the head's: it is complete later.
TEST(SharedStep, AModelThatSaysTheWrongSegmentIsExchangedAfterTheWholePass) {
  PlainModel plain(kSharedVocab, kSharedHidden, declared(2),
                   {shared_embed(), shared_block(), shared_head()}, 2, kEachSegment);
  Model& model = *plain.model;
  const at::Tensor expected = 2 * own_gradients(model);
  Doubled ranks;
  SharedStep shared(grid(ranks), model);
  testing::internal::CaptureStderr();
  for (int step = 0; step < 2; ++step) {
    model.parameters().zero_grad();
    ranks.begun.clear();
    shared.begin_pass(true);
    const double loss = loss_backward(model, shared_batch(), 7);
    EXPECT_TRUE(ranks.begun.empty());
    shared.finish(loss, false);
    EXPECT_TRUE(gradients_of(model).equal(expected));
  }
  EXPECT_NE(testing::internal::GetCapturedStderr().find("segment 2 reads parameters"),
            std::string::npos);
}

TEST(SharedStep, DelaysOfExchangesAreNotAddedUp) {
  TinyModel tiny(kEachSegment);
  const std::vector<Example> examples = tiny_examples();
  const PackedBatch batch = pack(pointers(examples));
  DelayedExchanges ranks;
  SharedStep shared(grid(ranks), tiny.model);
  const auto step = [&] {
    const auto begin = std::chrono::steady_clock::now();
    tiny.model.parameters().zero_grad();
    ranks.begun.clear();
    shared.begin_pass(true);
    const double loss = loss_backward(tiny.model, batch, 10);
    shared.finish(loss, false);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  step();  // watched
  const double before = step();
  ranks.delay = std::chrono::milliseconds(50);
  const double after = step(), delays = 0.05 * static_cast<double>(ranks.begun.size());
  std::printf("%zu exchanges of 50 ms more: a step takes %.0f ms more, of %.0f\n",
              ranks.begun.size(), 1000 * (after - before), 1000 * delays);
  EXPECT_GE(ranks.begun.size(), 8u);
  EXPECT_LT(after - before, delays / 2);
}

TEST(SharedStep, ARankWithoutAPassExchangesAllTheSame) {
  PlainModel plain(kSharedVocab, kSharedHidden, declared(),
                   {shared_embed(), shared_block(), shared_head()}, 2, kEachSegment);
  plain.model->parameters().zero_grad();
  Doubled ranks;
  SharedStep shared(grid(ranks), *plain.model);
  EXPECT_EQ(shared.finish(0.5, false).loss, 1.0);
  EXPECT_EQ(std::ranges::count(ranks.begun, "the gradients"), 3);
}

TEST(SharedStep, WhatCallbacksAskMustBeTheSameOnEveryRank) {
  PlainModel plain(kSharedVocab, kSharedHidden, declared(),
                   {shared_embed(), shared_block(), shared_head()}, 2, kEachSegment);
  Doubled ranks;
  SharedStep shared(grid(ranks), *plain.model);
  TrainAccess::Step asked;
  shared.require_same(asked);
  asked.learning_rate = 0.1;
  shared.require_same(asked);
  ranks.other = at::tensor({0.0, 0.2, 0.0}, at::kDouble);
  EXPECT_THROW(shared.require_same(asked), Error);
}

TEST(SharedStep, WeightsThatDifferAreRefused) {
  PlainModel plain(kSharedVocab, kSharedHidden, declared(),
                   {shared_embed(), shared_block(), shared_head()}, 2, kEachSegment);
  Doubled ranks;
  require_equal_weights(grid(ranks), plain.model->parameters(), "at the start");
  ranks.other = at::tensor({int64_t{17}}, at::kLong);
  EXPECT_THROW(require_equal_weights(grid(ranks), plain.model->parameters(), "at the start"),
               Error);
}

}  // namespace
}  // namespace slipway
