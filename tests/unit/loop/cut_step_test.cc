// A step of ranks that keep a slice each: of the gradients (stage 2), of the weights too (stage 3).
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "loop/loss.h"
#include "loop/shared_step.h"
#include "tests/unit/loop/shared_model.h"
#include "tests/unit/loop/stand_in_ranks.h"
#include "tests/unit/loop/tiny_model.h"

namespace slipway {
namespace {

// With 2 gradients are scattered and weights gathered after the update, with 3 weights are gathered
// there and back as well: each unit's while another's segment computes.
TEST(CutStep, DelaysOfWhatIsCutAreNotAddedUp) {
  const std::vector<Example> examples = tiny_examples();
  const PackedBatch batch = pack(pointers(examples));
  for (const int64_t stage : {2, 3}) {
    TinyModel tiny({stage, 0, 2, 1}), other({stage, 1, 2, 1});
    DelayedTwin ranks;
    ranks.mine = &tiny.model.parameters(), ranks.theirs = &other.model.parameters();
    if (stage == 3) tiny.model.gather_from(ranks);
    SharedStep shared(grid(ranks), tiny.model);
    const auto step = [&] {
      const auto begin = std::chrono::steady_clock::now();
      tiny.model.parameters().zero_grad();
      ranks.begun.clear();
      shared.begin(std::vector<int64_t>{1});
      shared.begin_pass(true);
      const double loss = loss_backward(tiny.model, batch, 10);
      shared.end_pass();
      shared.pass_by(0);
      shared.finish(loss, false);
      (void)shared.grad_norm();
      shared.gather_weights();
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    step();  // watched
    const double before = step();
    ranks.delay = std::chrono::milliseconds(50);
    const double after = step(), delays = 0.05 * static_cast<double>(ranks.begun.size());
    std::printf("stage %d: %zu exchanges of 50 ms more: a step takes %.0f ms more, of %.0f\n",
                static_cast<int>(stage), ranks.begun.size(), 1000 * (after - before),
                1000 * delays);
    EXPECT_GE(ranks.begun.size(), 15u);
    EXPECT_LT(after - before, delays / 2);
  }
}

// A model of which this rank keeps the first of two slices of each segment, and one that is whole.
struct CutModel {
  explicit CutModel(int64_t stage, int32_t of_block = 1, at::ScalarType travels_as = at::kFloat)
      : cut(kSharedVocab, kSharedHidden, declared(of_block),
            {shared_embed(), shared_block(), shared_head()}, 2, {stage, 0, 2, 1}),
        other(kSharedVocab, kSharedHidden, declared(of_block),
              {shared_embed(), shared_block(), shared_head()}, 2, {stage, 1, 2, 1}),
        whole(kSharedVocab, kSharedHidden, declared(of_block),
              {shared_embed(), shared_block(), shared_head()}) {
    ranks.mine = &cut.model->parameters();
    ranks.theirs = &other.model->parameters();
    if (stage == 3) cut.model->gather_from(ranks, travels_as);
  }
  FlatParameters& parameters() { return cut.model->parameters(); }
  // What rank 0 keeps of twice these gradients, `times` over.
  void expect_slices_of(const at::Tensor& expected, double times) {
    int64_t at = 0;
    for (size_t p = 0; p < 3; ++p) {
      const float* address = parameters().tensor(p).grad().const_data_ptr<float>();
      const size_t unit = parameters().unit_at(address).value();
      const at::Tensor own = parameters().own_grads(unit);
      const int64_t count = whole.model->parameters().groups()[0].places[p].count,
                    kept = std::min(count, own.numel());
      EXPECT_TRUE(own.narrow(0, 0, kept).allclose(expected.narrow(0, at, kept) * times, 1e-6, 0));
      at += (count + 15) / 16 * 16;
    }
  }

  Twin ranks;
  PlainModel cut, other, whole;
};

TEST(CutStep, RanksThatCutGradientsKeepTheirSliceOfEveryPassAndMemoryForNoMore) {
  for (const int64_t stage : {2, 3}) {
    CutModel models(stage);
    const at::Tensor expected = 2 * own_gradients(*models.whole.model);
    SharedStep shared(grid(models.ranks), *models.cut.model);
    for (int step = 0; step < 3; ++step) {
      models.parameters().zero_grad();
      shared.begin(std::vector<int64_t>{2});
      for (int pass = 0; pass < 2; ++pass) {
        models.ranks.begun.clear();
        shared.begin_pass(pass == 1);
        loss_backward(*models.cut.model, shared_batch(), 7);
        // Only the embedding's are complete at the end alone; the first pass is watched.
        EXPECT_EQ(std::ranges::count(models.ranks.begun, "the gradients"),
                  step == 0 && pass == 0 ? 0 : 2);
        shared.end_pass();
        EXPECT_EQ(std::ranges::count(models.ranks.begun, "the gradients"), 3);
        EXPECT_EQ(resident_bytes(models.parameters().groups()[0].grads), 0);
        if (stage == 3) {
          EXPECT_EQ(resident_bytes(models.parameters().groups()[0].weights), 0);
        }
      }
      shared.pass_by(0);
      shared.finish(0, false);
      models.expect_slices_of(expected, 2);
      EXPECT_NEAR(shared.grad_norm(), std::sqrt(2.0 * models.parameters().grad_squares()), 1e-9);
    }
  }
}

TEST(CutStep, ARankWithFewerPassesMakesTheSameExchanges) {
  CutModel models(3);
  SharedStep shared(grid(models.ranks), *models.cut.model);
  std::vector<std::string> first, second;
  for (int step = 0; step < 2; ++step)
    for (const bool computes : {true, false}) {
      models.parameters().zero_grad();
      models.ranks.other = at::tensor({int64_t{1}}, at::kLong);
      shared.begin(std::vector<int64_t>{computes ? 1 : 0});
      models.ranks.other = at::Tensor();
      models.ranks.begun.clear();
      if (computes) {
        shared.begin_pass(true);
        loss_backward(*models.cut.model, shared_batch(), 7);
        shared.end_pass();
      }
      shared.pass_by(0);
      if (step == 0) continue;  // the first pass is watched
      (computes ? first : second) = models.ranks.begun;
    }
  EXPECT_EQ(first, second);
  EXPECT_EQ(std::ranges::count(first, "the weights"), 5);  // there, and back: not the head again
  EXPECT_EQ(std::ranges::count(first, "the gradients"), 3);
}

TEST(CutStep, WeightsThatAreCutAreWholeWhereTheyAreHeld) {
  CutModel models(3);
  const WholeWeights whole(*models.cut.model);
  for (size_t p = 0; p < 3; ++p)
    EXPECT_TRUE(models.parameters().tensor(p).equal(models.whole.model->parameters().tensor(p)));
  models.ranks.begun.clear();
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(label_logprobs(*models.cut.model, shared_batch())
                  .equal(label_logprobs(*models.whole.model, shared_batch())));
  EXPECT_TRUE(models.ranks.begun.empty());
}

// What is computed is that of rounded weights, as with DeepSpeed's bf16 and FSDP's param_dtype;
// what a rank keeps is not rounded, nor what samples.
TEST(CutStep, WeightsThatTravelAsBfloat16AreRoundedForPassesAlone) {
  CutModel models(3, 1, at::kBFloat16);
  FlatParameters& whole = models.whole.model->parameters();
  const at::Tensor exact = whole.groups()[0].weights.clone();
  {
    const at::NoGradGuard no_grad;
    whole.groups()[0].weights.copy_(exact.to(at::kBFloat16));
  }
  const at::Tensor expected = 2 * own_gradients(*models.whole.model);
  const double summed = loss_backward(*models.whole.model, shared_batch(), 7),
               loss = loss_sum(*models.whole.model, shared_batch());
  const at::Tensor kept = models.parameters().own_weights(0).clone();
  SharedStep shared(grid(models.ranks), *models.cut.model);
  models.parameters().zero_grad();
  shared.begin(std::vector<int64_t>{1});
  shared.begin_pass(true);
  EXPECT_DOUBLE_EQ(loss_backward(*models.cut.model, shared_batch(), 7), summed);
  shared.end_pass();
  shared.finish(0, false);
  models.expect_slices_of(expected, 1);
  EXPECT_TRUE(models.parameters().own_weights(0).equal(kept));
  EXPECT_FALSE(kept.equal(kept.to(at::kBFloat16).to(at::kFloat)));
  const at::NoGradGuard no_grad;
  EXPECT_EQ(loss_sum(*models.cut.model, shared_batch()), loss);
  whole.groups()[0].weights.copy_(exact);
  const WholeWeights held(*models.cut.model);
  for (size_t p = 0; p < 3; ++p) EXPECT_TRUE(models.parameters().tensor(p).equal(whole.tensor(p)));
}

#ifndef __SANITIZE_ADDRESS__  // it has a handler of its own
// The block's weights are said to be the head's.
TEST(CutStepDeathTest, AModelThatReadsWeightsOfAnotherSegmentEndsWithTheirName) {
  EXPECT_EXIT(
      {
        CutModel models(3, 2);
        SharedStep shared(grid(models.ranks), *models.cut.model);
        shared.begin_pass(true);
        loss_backward(*models.cut.model, shared_batch(), 7);
      },
      testing::ExitedWithCode(1), "the model reads block in a segment that it does not name");
}
#endif

}  // namespace
}  // namespace slipway
