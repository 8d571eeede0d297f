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

RankGrid grid(RankGroup& ranks) { return {ranks, ranks, RankGroup::alone()}; }

// A unit for each segment.
const Sharding kEachSegment{.fewest = 1};

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

// An exchange that takes so much longer from when it is begun.
std::unique_ptr<Exchange> late(std::unique_ptr<Exchange> exchange,
                               std::chrono::milliseconds delay) {
  struct Late : Exchange {
    std::unique_ptr<Exchange> inner;
    std::chrono::steady_clock::time_point ready;
    void wait() override {
      std::this_thread::sleep_until(ready);
      inner->wait();
    }
  };
  auto out = std::make_unique<Late>();
  out->inner = std::move(exchange);
  out->ready = std::chrono::steady_clock::now() + delay;
  return out;
}

class DelayedExchanges : public Doubled {
 public:
  std::unique_ptr<Exchange> begin_all_reduce(const at::Tensor& x, Reduction reduction,
                                             const char* what) override {
    return late(Doubled::begin_all_reduce(x, reduction, what), delay);
  }
  std::chrono::milliseconds delay{0};
};

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

// Two ranks that cut: the other has the same gradients, and the slices of `theirs`.
class Twin : public Doubled {
 public:
  std::unique_ptr<Exchange> begin_reduce_scatter(const at::Tensor& whole, const at::Tensor& own,
                                                 const char* what) override {
    begun.emplace_back(what);
    struct Later : Exchange {
      at::Tensor whole, own;
      void wait() override { own.copy_(whole.narrow(0, 0, own.numel()) * 2); }
    };
    auto out = std::make_unique<Later>();
    out->whole = whole, out->own = own;
    return out;
  }
  std::unique_ptr<Exchange> begin_all_gather(const at::Tensor& own, const at::Tensor& whole,
                                             const char* what) override {
    begun.emplace_back(what);
    struct Later : Exchange {
      at::Tensor own, other, whole;
      void wait() override {
        whole.narrow(0, 0, own.numel()).copy_(own);
        whole.narrow(0, own.numel(), own.numel()).copy_(other);
      }
    };
    auto out = std::make_unique<Later>();
    for (size_t u = 0; u < mine->units().size(); ++u)
      if (own.equal(mine->own_weights(u).to(own.scalar_type())))
        out->other = theirs->own_weights(u).to(own.scalar_type());
    out->own = own, out->whole = whole;
    return out;
  }
  const FlatParameters* mine = nullptr;
  const FlatParameters* theirs = nullptr;
};

class DelayedTwin : public Twin {
 public:
  std::unique_ptr<Exchange> begin_all_reduce(const at::Tensor& x, Reduction reduction,
                                             const char* what) override {
    return late(Twin::begin_all_reduce(x, reduction, what), delay);
  }
  std::unique_ptr<Exchange> begin_reduce_scatter(const at::Tensor& whole, const at::Tensor& own,
                                                 const char* what) override {
    return late(Twin::begin_reduce_scatter(whole, own, what), delay);
  }
  std::unique_ptr<Exchange> begin_all_gather(const at::Tensor& own, const at::Tensor& whole,
                                             const char* what) override {
    return late(Twin::begin_all_gather(own, whole, what), delay);
  }
  std::chrono::milliseconds delay{0};
};

// With 2 gradients are scattered and weights gathered after the update, with 3 weights are gathered
// there and back as well: each unit's while another's segment computes.
TEST(SharedStep, DelaysOfWhatIsCutAreNotAddedUp) {
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

TEST(SharedStep, RanksThatCutGradientsKeepTheirSliceOfEveryPassAndMemoryForNoMore) {
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

TEST(SharedStep, ARankWithFewerPassesMakesTheSameExchanges) {
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

TEST(SharedStep, WeightsThatAreCutAreWholeWhereTheyAreHeld) {
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
TEST(SharedStep, WeightsThatTravelAsBfloat16AreRoundedForPassesAlone) {
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
TEST(SharedStepDeathTest, AModelThatReadsWeightsOfAnotherSegmentEndsWithTheirName) {
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
