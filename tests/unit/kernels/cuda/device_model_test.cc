// A whole model on an accelerator, against the processor: losses, gradients, an update, and
// generation by replayed steps. The accelerator is the emulator, or with SLIPWAY_TEST_DEVICE=module
// the GPU, where there is one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/json.h"
#include "operators/flat_buffers.h"
#include "operators/linear.h"
#include "operators/out_of_memory.h"
#include "generate/generate.h"
#include "loop/evaluation.h"
#include "loop/loss.h"
#include "optim/optimizer.h"
#include "plugin/registry.h"
#include "raft/reference.h"
#include "tests/unit/built.h"
#include "tests/unit/kernels/cuda/device_under_test.h"
#include "tests/unit/largest.h"
#include "tests/unit/plain_model.h"

namespace slipway::cuda {
namespace {

class Tiny {
 public:
  Tiny() : plugin_(make()), model(plugin_.get(), plugin_.id()) { model.parameters().initialise(5); }

 private:
  static Plugin make() {
    static const Registry registry({built("plugins")});
    const auto& found = registry.find("llama", SLW_KIND_MODEL, {});
    Value options;
    options["config"] = value_of(parse_json(
        R"({"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
                                                "vocab_size": 48, "initializer_range": 0.3, "tie_word_embeddings": true})",
        "tiny"));
    return Plugin(*found.library, *found.descriptor, options, {});
  }
  Plugin plugin_;

 public:
  Model model;
};

// Two prompts: one with two answers that share it, one plain sequence.
PackedBatch batch() {
  std::vector<Example> examples;
  for (int32_t i = 0; i < 3; ++i) {
    Example example{{3, 7, 1, 9, static_cast<int32_t>(10 + i), static_cast<int32_t>(20 + 2 * i), 4},
                    4};
    if (i == 2) example.ids[0] = 11;
    examples.push_back(example);
  }
  std::vector<const Example*> chosen;
  for (const Example& example : examples) chosen.push_back(&example);
  return pack(chosen);
}

class CudaModel : public DeviceTest {};

float difference(const at::Tensor& ours, const at::Tensor& theirs) {
  return (ours.cpu() - theirs).abs().max().item<float>();
}

TEST_F(CudaModel, TrainsAsTheProcessorDoes) {
  Tiny here;
  const PackedBatch examples = batch();
  const auto labels = static_cast<int64_t>(examples.targets.size());
  const double loss = loss_backward(here.model, examples, labels),
               quiet = loss_sum(here.model, examples);
  const OnDevice device;
  Tiny there;
  ASSERT_TRUE(on_device(there.model.parameters().groups()[0].weights));
  const double our_loss = loss_backward(there.model, examples, labels),
               our_quiet = loss_sum(there.model, examples);
  std::printf("loss %.6f, on the device %.6f\n", loss, our_loss);
  EXPECT_NEAR(our_loss, loss, 1e-5 * loss);
  EXPECT_NEAR(our_quiet, quiet, 1e-5 * quiet);
  const auto &ours = there.model.parameters().groups(), &theirs = here.model.parameters().groups();
  for (size_t g = 0; g < theirs.size(); ++g) {
    const float off = difference(ours[g].grads, theirs[g].grads),
                largest = theirs[g].grads.abs().max().item<float>();
    std::printf("gradients of group %zu: largest difference %.3g of %.3g\n", g,
                static_cast<double>(off), static_cast<double>(largest));
    EXPECT_GT(largest, 0.01f);
    EXPECT_LT(off, 1e-5f * std::fmax(1.0f, largest));
    const double squares = theirs[g].grads.square().sum(at::kDouble).item<double>();
    EXPECT_NEAR(add_squares(0, ours[g].grads), squares, 1e-5 * squares);
  }
  // The norm is that of the gradients that are there, which are near the processor's.
  double own = 0;
  for (const FlatParameters::Group& group : ours)
    own += on_host(group.grads).to(at::kDouble).square().sum().item<double>();
  EXPECT_NEAR(there.model.parameters().grad_norm(), std::sqrt(own), 1e-12 * std::sqrt(own));
  there.model.parameters().zero_grad();
  EXPECT_EQ(there.model.parameters().grad_norm(), 0.0);
}

// Two updates by every optimizer, the second clipped; the gradients are the processor's.
TEST_F(CudaModel, UpdatesAsTheProcessorDoes) {
  const std::pair<const char*, const char*> optimizers[] = {
      {"adamw_torch", ""},
      {"sgd", ""},
      {"sgd", "momentum=0.9, nesterov=true"},
      {"sgd", "momentum=0.9, dampening=0.5"},
      {"adagrad", "lr_decay=0.1"},
      {"rmsprop", ""},
      {"rmsprop", "momentum=0.5, centered=true"},
      {"lion_32bit", ""}};
  for (const auto& [name, options] : optimizers) {
    OptimizerSettings settings;
    settings.name = name, settings.options = options, settings.weight_decay = 0.1;
    Tiny here;
    loss_backward(here.model, batch(), 1);
    const std::unique_ptr<Optimizer> theirs = make_optimizer(here.model.parameters(), settings);
    const at::Tensor start = here.model.parameters().groups()[0].weights.clone();
    const OnDevice device;
    Tiny there;
    const std::unique_ptr<Optimizer> ours = make_optimizer(there.model.parameters(), settings);
    auto &our_groups = there.model.parameters().groups(),
         &their_groups = here.model.parameters().groups();
    for (size_t g = 0; g < our_groups.size(); ++g) our_groups[g].grads.copy_(their_groups[g].grads);
    for (const double scale : {1.0, 0.25}) ours->step(0.01, scale), theirs->step(0.01, scale);
    float off = 0;
    for (size_t g = 0; g < our_groups.size(); ++g)
      off = largest_of({off, difference(our_groups[g].weights, their_groups[g].weights)});
    std::printf("%s (%s): largest difference of weights %.3g\n", name, options,
                static_cast<double>(off));
    EXPECT_LT(off, 2e-6f) << name;
    EXPECT_GT(difference(our_groups[0].weights, start), 1e-3f) << name;
  }
}

// The processor's kernels on copies of the same numbers: the same bits.
TEST_F(CudaModel, AnOffloadedOptimizerIsTheProcessors) {
  OptimizerSettings settings;
  settings.weight_decay = 0.1;
  Tiny here;
  loss_backward(here.model, batch(), 1);
  const std::unique_ptr<Optimizer> theirs = make_optimizer(here.model.parameters(), settings);
  const OnDevice device;
  Tiny there;
  settings.offloaded = true;
  const std::unique_ptr<Optimizer> ours = make_optimizer(there.model.parameters(), settings);
  auto &our_groups = there.model.parameters().groups(),
       &their_groups = here.model.parameters().groups();
  for (size_t g = 0; g < our_groups.size(); ++g) our_groups[g].grads.copy_(their_groups[g].grads);
  for (const double scale : {1.0, 0.25}) ours->step(0.01, scale), theirs->step(0.01, scale);
  for (size_t g = 0; g < our_groups.size(); ++g)
    EXPECT_EQ(difference(our_groups[g].weights, their_groups[g].weights), 0.0f);
  for (size_t s = 0; s < ours->slots().size(); ++s)
    for (size_t g = 0; g < ours->slots()[s].buffers.size(); ++g) {
      EXPECT_TRUE(ours->slots()[s].buffers[g].is_cpu());
      EXPECT_TRUE(ours->slots()[s].buffers[g].equal(theirs->slots()[s].buffers[g]));
    }
}

// Examples of `labels` label tokens together, more than the head takes at once.
PackedBatch many_labels(std::vector<Example>& examples) {
  for (int32_t i = 0; i < 2; ++i) {
    Example example{{3, 7}, 2};
    for (int32_t t = 0; t < 300; ++t) example.ids.push_back((5 * t + i) % 48);
    examples.push_back(example);
  }
  const std::vector<const Example*> chosen = {&examples[0], &examples[1]};
  return pack(chosen);
}

TEST_F(CudaModel, LossesAreAddedUpThere) {
  if (on_a_gpu()) GTEST_SKIP() << "skipped: the emulator counts copies";
  std::vector<Example> examples;
  const PackedBatch batch = many_labels(examples);
  ASSERT_GT(batch.targets.size(), static_cast<size_t>(kHeadRows));
  Tiny here;
  const double loss = loss_backward(here.model, batch, 1), quiet = loss_sum(here.model, batch);
  Objective smoothed;
  smoothed.label_smoothing = 0.1;
  const double quiet_smoothed = loss_sum(here.model, batch, smoothed);
  const OnDevice device;
  Tiny there;
  EmulatedAccelerator& on = emulated_accelerator();
  const auto fetched = [&](const auto& work, double expected) {
    const int64_t copies = on.copies_out, bytes = on.bytes_out;
    EXPECT_NEAR(work(), expected, 1e-5 * expected);
    std::printf("fetched from the device: %d bytes in %d copies\n",
                static_cast<int>(on.bytes_out - bytes), static_cast<int>(on.copies_out - copies));
    EXPECT_EQ(on.copies_out - copies, 1);
    EXPECT_EQ(on.bytes_out - bytes, 8);
  };
  fetched([&] { return loss_backward(there.model, batch, 1); }, loss);
  fetched([&] { return loss_sum(there.model, batch); }, quiet);
  fetched([&] { return loss_sum(there.model, batch, smoothed); }, quiet_smoothed);
}

// What an evaluation needs of the logits is found there: a label's log-probability and the most
// likely token, 12 bytes a label.
TEST_F(CudaModel, PredictionsAreFoundThere) {
  std::vector<Example> examples;
  many_labels(examples);
  EvaluationSettings settings;
  settings.batch_size = 2;
  std::vector<int32_t> theirs, ours;
  const auto into = [&](std::vector<int32_t>& to) {
    EvaluationHooks hooks;
    hooks.predictions = true;
    hooks.on_part = [&](const EvaluatedPart& part) {
      to.insert(to.end(), part.predictions.begin(), part.predictions.end());
    };
    return hooks;
  };
  Tiny here;
  evaluate(here.model, examples, settings, {}, "eval", into(theirs));
  const OnDevice device;
  Tiny there;
  const int64_t bytes = emulated_accelerator().bytes_out;
  evaluate(there.model, examples, settings, {}, "eval", into(ours));
  EXPECT_EQ(ours, theirs);
  ASSERT_EQ(ours.size(), 600u);
  if (on_a_gpu()) return;
  EXPECT_EQ(emulated_accelerator().bytes_out - bytes, 600 * 12);
}

TEST_F(CudaModel, ScalesGradientsThere) {
  const OnDevice device;
  Tiny there;
  loss_backward(there.model, batch(), 1);
  FlatParameters& parameters = there.model.parameters();
  const double before = parameters.grad_norm();
  const int64_t copies = emulated_accelerator().copies_out;
  parameters.scale_grad(0.5);
  EXPECT_EQ(emulated_accelerator().copies_out, copies);  // no round trip
  EXPECT_NEAR(parameters.grad_norm(), 0.5 * before, 1e-6 * before);
}

TEST_F(CudaModel, AdafactorIsRefusedWithTheReason) {
  const OnDevice device;
  Tiny there;
  OptimizerSettings settings;
  settings.name = "adafactor";
  try {
    make_optimizer(there.model.parameters(), settings);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("no kernels on "), std::string::npos) << e.what();
  }
}

TEST_F(CudaModel, GeneratesAsTheProcessorDoesByReplayedSteps) {
  Tiny here;
  GenerationSettings settings;
  settings.max_new_tokens = 9;
  settings.max_rows = 5;  // rows leave and others enter
  settings.stop_tokens = {2, 30};
  const std::vector<GenerationRequest> requests = {
      {{3, 7, 1}, 0, 3}, {{5}, 1, 2}, {{9, 8, 7, 6, 5}, 2, 3}};
  const std::vector<Completion> expected = generate(here.model, requests, settings);
  const OnDevice device;
  Tiny there;
  EmulatedAccelerator& on = emulated_accelerator();
  const int64_t recordings = on.recordings, replays = on.replays;
  const std::vector<Completion> got = generate(there.model, requests, settings);
  ASSERT_EQ(got.size(), expected.size());
  float off = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].ids, expected[i].ids);
    EXPECT_EQ(got[i].finished, expected[i].finished);
    for (size_t t = 0; t < std::min(got[i].logprobs.size(), expected[i].logprobs.size()); ++t)
      off = largest_of({off, std::fabs(got[i].logprobs[t] - expected[i].logprobs[t])});
  }
  std::printf("log-probabilities: largest difference %.3g; %lld steps recorded, %lld replayed\n",
              static_cast<double>(off), static_cast<long long>(on.recordings - recordings),
              static_cast<long long>(on.replays - replays));
  EXPECT_LT(off, 1e-5f);
  if (on_a_gpu()) return;
  EXPECT_EQ(on.recordings - recordings, 1);
  EXPECT_GT(on.replays - replays, 5);
}

// With weights in bfloat16 both sides round weights and inputs; the device attends in float32 and
// sums in an order of its own. Copies of weights are made before a step is recorded.
TEST_F(CudaModel, GeneratesWithRoundedWeightsAsTheProcessorDoes) {
  Tiny here;
  GenerationSettings settings;
  settings.max_new_tokens = 9;
  const std::vector<GenerationRequest> requests = {{{3, 7, 1}, 0, 3}, {{5}, 1, 2}};
  const std::vector<Completion> exact = generate(here.model, requests, settings);
  settings.weights = WeightStorage::kBfloat16;
  const std::vector<Completion> expected = generate(here.model, requests, settings);
  const OnDevice device;
  Tiny there;
  const int64_t replays = emulated_accelerator().replays;
  const std::vector<Completion> got = generate(there.model, requests, settings);
  const auto furthest = [&](const std::vector<Completion>& from) {
    float off = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].ids.size(), from[i].ids.size());
      // Up to the first token that rounding decided otherwise.
      for (size_t t = 0; t < got[i].ids.size() && got[i].ids[t] == from[i].ids[t]; ++t)
        off = largest_of({off, std::fabs(got[i].logprobs[t] - from[i].logprobs[t])});
    }
    return static_cast<double>(off);
  };
  std::printf(
      "log-probabilities with rounded weights: %.3g from the processor's, %.3g from "
      "float32's\n",
      furthest(expected), furthest(exact));
  EXPECT_LT(furthest(expected), 0.05);
  EXPECT_GT(furthest(exact), 1e-4);
  EXPECT_TRUE(on_a_gpu() || emulated_accelerator().replays - replays > 5);
  settings.weights = WeightStorage::kInt8;
  EXPECT_THAT(
      [&] { generate(there.model, requests, settings); },
      testing::ThrowsMessage<Error>(testing::HasSubstr("weights are float32 or bfloat16 on ")));
}

// Prompts of several parts of keys each, and of different lengths: a recorded step reads lengths as
// they are then.
TEST_F(CudaModel, GeneratesAfterLongPromptsByReplayedSteps) {
  std::vector<int32_t> longer(330), shorter(270);
  for (size_t i = 0; i < longer.size(); ++i) longer[i] = static_cast<int32_t>(i * 7 % 48);
  for (size_t i = 0; i < shorter.size(); ++i) shorter[i] = static_cast<int32_t>(i * 5 % 48);
  GenerationSettings settings;
  settings.max_new_tokens = 5;
  const std::vector<GenerationRequest> requests = {{longer, 0, 2}, {{5, 6}, 1, 1}, {shorter, 2, 1}};
  Tiny here;
  const std::vector<Completion> expected = generate(here.model, requests, settings);
  const OnDevice device;
  Tiny there;
  const int64_t replays = emulated_accelerator().replays;
  const std::vector<Completion> got = generate(there.model, requests, settings);
  float off = 0;
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].ids, expected[i].ids) << i;
    for (size_t t = 0; t < std::min(got[i].logprobs.size(), expected[i].logprobs.size()); ++t)
      off = largest_of({off, std::fabs(got[i].logprobs[t] - expected[i].logprobs[t])});
  }
  std::printf("log-probabilities after long prompts: largest difference %.3g\n",
              static_cast<double>(off));
  EXPECT_LT(off, 1e-5f);
  if (on_a_gpu()) return;
  EXPECT_GE(emulated_accelerator().replays - replays, 2);
}

TEST_F(CudaModel, OtherOperatorsOfLibTorchGoThroughTheProcessor) {
  const OnDevice device;
  const at::Tensor x = at::arange(12, at::kFloat).view({3, 4}), there = x.to(compute_device());
  EXPECT_TRUE(on_device(there));
  EXPECT_TRUE(at::equal((there * 2 + there.t().contiguous().t()).cpu(), x * 3));
  EXPECT_TRUE(at::equal(there.narrow(1, 1, 2).cpu(), x.narrow(1, 1, 2)));
  at::Tensor part = there.narrow(1, 0, 2);
  part.copy_(at::ones({3, 2}));
  EXPECT_EQ(there.sum().item<float>(), 6.0f + 2 + 3 + 6 + 7 + 10 + 11);
  EXPECT_TRUE(at::equal(there.index_select(0, int64_tensor({2, 0})).cpu(),
                        there.cpu().index_select(0, at::tensor({2, 0}))));
}

TEST_F(CudaModel, MemoryThatRunsOutIsToldAsSuch) {
  if (on_a_gpu()) GTEST_SKIP() << "skipped: a GPU is not filled for this";
  const OnDevice device;
  Tiny there;
  // larger than what any test kept in the pool
  std::vector<Example> examples(40, Example{std::vector<int32_t>(61, 5), 1});
  std::vector<const Example*> chosen;
  for (const Example& example : examples) chosen.push_back(&example);
  const PackedBatch large = pack(chosen);
  struct Full {
    Full() { emulated_accelerator().full = true; }
    ~Full() { emulated_accelerator().full = false; }
  };
  const auto train = [&] {
    const Full full;
    within_memory([&] { return loss_backward(there.model, large, 1); },
                  [] { return std::string("step 3"); });
  };
  EXPECT_THAT(train, testing::ThrowsMessage<OutOfMemory>(testing::StrEq("step 3")));
  // What LibTorch 2.11 makes of it on the way through a plugin says nothing of memory.
  const auto in_other_words = [] {
    const Full full;
    const auto options = at::TensorOptions(at::kFloat).device(compute_device());
    within_memory(
        [&] {
          try {
            at::empty({5 << 20}, options);
          } catch (const std::exception&) {
            fail("plugin org.test.model, forward(): an API call failed");
          }
        },
        [] { return std::string("step 4"); });
  };
  EXPECT_THAT(in_other_words, testing::ThrowsMessage<OutOfMemory>(testing::StrEq("step 4")));
  const auto allocate = [] {
    const Full full;
    FlatParameters parameters({{"wide", {1 << 20}}});
  };
  EXPECT_THAT(allocate, testing::ThrowsMessage<Error>(testing::HasSubstr(
                            "out of memory: the model's weights need 0.0 GiB on emulator")));
  EXPECT_GT(loss_backward(there.model, batch(), 1), 0) << "with memory it goes on";
}

TEST_F(CudaModel, WhatThePoolKeepsIsFree) {
  const OnDevice device;
  at::Tensor held = at::empty({3 << 20}, at::TensorOptions(at::kFloat).device(compute_device()));
  const size_t before = free_device_memory();
  held = at::Tensor();
  EXPECT_GE(free_device_memory(), before + (size_t{12} << 20));
}

// A head that ends in an operator which the accelerator has not: it goes through the processor, and
// no recording can hold that.
TEST_F(CudaModel, StepsThatCannotBeRecordedAreDoneAsTheyCome) {
  const auto make = [] {
    return std::make_unique<PlainModel>(
        40, 8, std::vector<PlainModel::Parameter>{{"embedding", {40, 8}}, {"block", {8, 8}}},
        std::vector<PlainModel::Segment>{
            [](const auto& w, const at::Tensor& x, int64_t) { return slipway::embedding(w[0], x); },
            [](const auto& w, const at::Tensor& x, int64_t) { return slipway::linear(x, w[1]); },
            [](const auto& w, const at::Tensor& x, int64_t) {
              return at::tanh(slipway::linear(x, w[0])) * 3;
            }});
  };
  GenerationSettings settings;
  settings.max_new_tokens = 6;
  const std::vector<GenerationRequest> requests = {{{3, 7, 1}, 0, 3}, {{5}, 1, 2}};
  const std::vector<Completion> expected = generate(*make()->model, requests, settings);
  const OnDevice device;
  const std::vector<Completion> got = generate(*make()->model, requests, settings);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i].ids, expected[i].ids) << i;
}

TEST_F(CudaModel, ExchangesPolicyAndStartingModelInPlace) {
  const OnDevice device;
  Tiny there;
  ReferenceModel reference(there.model);
  {
    const at::NoGradGuard no_grad;
    for (FlatParameters::Group& group : there.model.parameters().groups()) group.weights.mul_(1.5);
  }
  const at::Tensor policy = there.model.parameters().groups()[0].weights.cpu();
  const std::vector<Example> examples = {{{3, 7, 1, 9}, 1}};
  const std::vector<double> moved = sequence_logprobs(there.model, examples),
                            start = reference.logprobs(there.model, examples);
  EXPECT_NE(start, moved);
  EXPECT_TRUE(at::equal(there.model.parameters().groups()[0].weights.cpu(), policy));
  Tiny fresh;
  EXPECT_EQ(sequence_logprobs(fresh.model, examples), start);
}

}  // namespace
}  // namespace slipway::cuda
