// A step that ranks share, with a second rank that has computed the same as this one.
#include "loop/shared_step.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "base/error.h"
#include "loop/loss.h"
#include "operators/linear.h"
#include "operators/operators.h"
#include "tests/unit/loop/tiny_model.h"
#include "tests/unit/plain_model.h"

namespace slipway {
namespace {

using SharedWeights = PlainModel::Weights;
constexpr int64_t kSharedVocab = 37, kSharedHidden = 12;

// Two ranks; the other's tensors are this one's, unless `other` says what they are.
class Doubled : public RankGroup {
 public:
  Doubled() : RankGroup(0, 2) {}
  std::unique_ptr<Exchange> begin_all_reduce(const at::Tensor& x, Reduction reduction,
                                             const char* what) override {
    begun.emplace_back(what);
    struct Later : Exchange {
      at::Tensor x, other;
      Reduction reduction;
      void wait() override {
        if (reduction == Reduction::kSum) x.add_(other);
        else x.copy_(reduction == Reduction::kMax ? at::maximum(x, other) : at::minimum(x, other));
      }
    };
    auto out = std::make_unique<Later>();
    out->x = x;
    out->other = other.defined() ? other.to(x.scalar_type()) : x.clone();
    out->reduction = reduction;
    return out;
  }
  std::unique_ptr<Exchange> begin_reduce_scatter(const at::Tensor&, const at::Tensor&,
                                                 const char*) override {
    return nullptr;
  }
  std::unique_ptr<Exchange> begin_all_gather(const at::Tensor&, const at::Tensor&,
                                             const char*) override {
    return nullptr;
  }
  std::unique_ptr<Exchange> begin_broadcast(const at::Tensor&, int64_t, const char*) override {
    return nullptr;
  }
  std::vector<std::string> all_gather_bytes(std::string_view bytes, const char*) override {
    return {std::string(bytes), std::string(bytes)};
  }
  void barrier(const char*) override {}
  void doing(const char*, int64_t) override {}

  std::vector<std::string> begun;
  at::Tensor other;
};

PlainModel::Segment shared_embed() {
  return [](const SharedWeights& w, const at::Tensor& ids, int64_t) {
    return slipway::embedding(w[0], ids);
  };
}
PlainModel::Segment shared_block() {
  return [](const SharedWeights& w, const at::Tensor& x, int64_t) {
    return x + at::tanh(slipway::linear(x, w[1]));
  };
}
PlainModel::Segment shared_head() {
  return
      [](const SharedWeights& w, const at::Tensor& x, int64_t) { return slipway::linear(x, w[2]); };
}
std::vector<PlainModel::Parameter> declared(int32_t of_block = 1) {
  return {{"embedding", {kSharedVocab, kSharedHidden}, 0},
          {"block", {kSharedHidden, kSharedHidden}, of_block},
          {"head", {kSharedVocab, kSharedHidden}, 2}};
}

PackedBatch shared_batch() {
  static const std::vector<Example> examples = {{{1, 5, 9, 30, 2}, 1}, {{3, 3, 17}, 0}};
  return pack(std::vector<const Example*>{&examples[0], &examples[1]});
}

at::Tensor gradients_of(const Model& model) {
  std::vector<at::Tensor> all;
  for (const FlatParameters::Group& group : model.parameters().groups()) all.push_back(group.grads);
  return at::cat(all).clone();
}

at::Tensor own_gradients(Model& model) {
  model.parameters().zero_grad();
  loss_backward(model, shared_batch(), 7);
  return gradients_of(model);
}

TEST(GradientUnits, AreAllGradientsOnceFromTheHeadDown) {
  PlainModel plain(kSharedVocab, kSharedHidden, declared(),
                   {shared_embed(), shared_block(), shared_head()});
  const FlatParameters& all = plain.model->parameters();
  for (const int64_t fewest : {int64_t{1}, int64_t{200}, kFewestExchanged}) {
    const std::vector<GradientUnit> units = gradient_units(all, fewest);
    EXPECT_EQ(units.size(), fewest == 1 ? 3u : fewest == 200 ? 2u : 1u);
    int64_t values = 0;
    for (size_t i = 0; i < units.size(); ++i) {
      values += units[i].grads.numel();
      if (i == 0) continue;
      EXPECT_LT(units[i].segment, units[i - 1].segment);
    }
    EXPECT_EQ(units.back().segment, 0);
    EXPECT_EQ(values, all.groups()[0].grads.numel());
  }
}

TEST(SharedStep, GradientsAreSumsFromTheSecondStepOnWhileTheBackwardPassGoesOn) {
  PlainModel plain(kSharedVocab, kSharedHidden, declared(),
                   {shared_embed(), shared_block(), shared_head()});
  Model& model = *plain.model;
  const at::Tensor expected = 2 * own_gradients(model);
  Doubled ranks;
  SharedStep shared(ranks, model, 1);
  for (int step = 0; step < 3; ++step) {
    model.parameters().zero_grad();
    ranks.begun.clear();
    shared.begin_last_pass();
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
                   {shared_embed(), shared_block(), shared_head()});
  Model& model = *plain.model;
  const at::Tensor expected = 2 * own_gradients(model);
  Doubled ranks;
  SharedStep shared(ranks, model, 1);
  testing::internal::CaptureStderr();
  for (int step = 0; step < 2; ++step) {
    model.parameters().zero_grad();
    ranks.begun.clear();
    shared.begin_last_pass();
    const double loss = loss_backward(model, shared_batch(), 7);
    EXPECT_TRUE(ranks.begun.empty());
    shared.finish(loss, false);
    EXPECT_TRUE(gradients_of(model).equal(expected));
  }
  EXPECT_NE(testing::internal::GetCapturedStderr().find("segment 2 reads parameters"),
            std::string::npos);
}

// Every exchange takes 50 ms more than it would.
class DelayedExchanges : public Doubled {
 public:
  std::unique_ptr<Exchange> begin_all_reduce(const at::Tensor& x, Reduction reduction,
                                             const char* what) override {
    struct Late : Exchange {
      std::unique_ptr<Exchange> inner;
      std::chrono::steady_clock::time_point ready;
      void wait() override {
        std::this_thread::sleep_until(ready);
        inner->wait();
      }
    };
    auto out = std::make_unique<Late>();
    out->inner = Doubled::begin_all_reduce(x, reduction, what);
    out->ready = std::chrono::steady_clock::now() + delay;
    return out;
  }
  std::chrono::milliseconds delay{0};
};

TEST(SharedStep, DelaysOfExchangesAreNotAddedUp) {
  TinyModel tiny;
  const std::vector<Example> examples = tiny_examples();
  const PackedBatch batch = pack(pointers(examples));
  DelayedExchanges ranks;
  SharedStep shared(ranks, tiny.model, 1);
  const auto step = [&] {
    const auto begin = std::chrono::steady_clock::now();
    tiny.model.parameters().zero_grad();
    ranks.begun.clear();
    shared.begin_last_pass();
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
                   {shared_embed(), shared_block(), shared_head()});
  plain.model->parameters().zero_grad();
  Doubled ranks;
  SharedStep shared(ranks, *plain.model, 1);
  EXPECT_EQ(shared.finish(0.5, false).loss, 1.0);
  EXPECT_EQ(std::ranges::count(ranks.begun, "the gradients"), 3);
}

TEST(SharedStep, WhatCallbacksAskMustBeTheSameOnEveryRank) {
  PlainModel plain(kSharedVocab, kSharedHidden, declared(),
                   {shared_embed(), shared_block(), shared_head()});
  Doubled ranks;
  SharedStep shared(ranks, *plain.model);
  TrainAccess::Step asked;
  shared.require_same(asked);
  asked.learning_rate = 0.1;
  shared.require_same(asked);
  ranks.other = at::tensor({0.0, 0.2, 0.0}, at::kDouble);
  EXPECT_THROW(shared.require_same(asked), Error);
}

TEST(SharedStep, WeightsThatDifferAreRefused) {
  PlainModel plain(kSharedVocab, kSharedHidden, declared(),
                   {shared_embed(), shared_block(), shared_head()});
  Doubled ranks;
  require_equal_weights(ranks, plain.model->parameters(), "at the start");
  ranks.other = at::tensor({int64_t{17}}, at::kLong);
  EXPECT_THROW(require_equal_weights(ranks, plain.model->parameters(), "at the start"), Error);
}

}  // namespace
}  // namespace slipway
