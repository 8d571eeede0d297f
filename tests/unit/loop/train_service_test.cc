// slipway.host.train/1 in a real training stage: what callbacks see of the model, and what they
// change of the step.
#include <cmath>
#include <limits>
#include <sstream>

#include "base/error.h"
#include "tests/unit/loop/tiny_model.h"
#include "tests/unit/loop/tiny_stage.h"

namespace slipway {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kOutside =
    "slipway.host.train/1 may be called from inside on_event() alone, on its thread";

class TrainService : public testing::Test {
 protected:
  // Trains on `examples` examples (two a step) beside a callback that does `options`; what it said.
  std::vector<std::string> steer(const std::string& options, size_t examples = 2) {
    return said_by("org.test.steer", [&] {
      std::vector<CallbackPlugin> callbacks;
      callbacks.push_back(tiny.callback("steer", options));
      tiny.train(std::move(callbacks), examples);
    });
  }
  TinyStage tiny;
};

double weighted_sum(const at::Tensor& t) {
  const at::Tensor flat = t.detach().reshape({-1}).to(at::kDouble);
  return (flat * at::arange(1, flat.numel() + 1, at::kDouble)).sum().item<double>();
}

TEST_F(TrainService, ShowsWeightsGradientsAndMoments) {
  tiny.settings.max_grad_norm = 0;  // gradients stay as the callback saw them
  steer("what = \"nothing\"");      // moments that are not zero
  tiny.settings.learning_rate = 0;  // weights stay as well
  const std::vector<at::Tensor> moments = {tiny.optimizer.slots()[0].buffers[0].clone(),
                                           tiny.optimizer.slots()[0].buffers[1].clone()};
  const std::vector<std::string> lines = steer("what = \"look\"");
  FlatParameters& parameters = tiny.model.parameters();
  std::vector<std::string> names;
  for (const ParameterSpec& spec : parameters.specs())
    if (spec.tied_to < 0) names.push_back(spec.name);  // the head is the embedding
  ASSERT_EQ(lines.size(), names.size());
  double moment_sum = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    std::istringstream line(lines[i]);
    std::string name, shape, kind, expected;
    double weight = 0, grad = 0, first = 0, second = 0;
    line >> name >> shape >> kind >> weight >> grad >> first >> second;
    const at::Tensor& tensor = parameters.tensor(i);
    for (const int64_t size : tensor.sizes())
      expected += (expected.empty() ? "" : "x") + std::to_string(size);
    EXPECT_EQ(name, names[i]);
    EXPECT_EQ(shape, expected);
    EXPECT_EQ(kind, "plain");
    EXPECT_NEAR(weight, weighted_sum(tensor), 1e-7 * std::abs(weight)) << name;
    EXPECT_NEAR(grad, weighted_sum(tensor.grad()), 1e-6 * std::abs(grad) + 1e-12) << name;
    EXPECT_NE(grad, 0) << name;
    EXPECT_GT(second, 0) << name;
    moment_sum += std::abs(first);
  }
  EXPECT_GT(moment_sum, 0);
}

TEST_F(TrainService, LentGradientsAreRefusedUntilTheNextStep) {
  tiny.model.parameters().lend_grads();
  try {
    tiny.access.tensor(0, SLW_ROLE_GRAD, "");
    ADD_FAILURE() << "handed out";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("no gradients while answers are sampled"));
  }
  EXPECT_NE(tiny.access.tensor(0, SLW_ROLE_WEIGHT, "").data, nullptr);
  EXPECT_EQ(steer("what = \"look\"").size() + 1, tiny.model.parameters().specs().size())
      << "all but the head, which is the embedding";
  EXPECT_NE(tiny.access.tensor(0, SLW_ROLE_GRAD, "").data, nullptr);
}

TEST_F(TrainService, AGradientChangedInPlaceChangesTheStep) {
  TinyStage plain;
  const at::Tensor start = plain.weights();
  plain.train({}, 2);
  steer("what = \"scale\"\nvalue = -1.0");
  const at::Tensor moved = plain.weights() - start, turned = tiny.weights() - start;
  EXPECT_GT(moved.abs().max().item<double>(), 0.009);  // Adam's first step: the learning rate
  EXPECT_LT((moved + turned).abs().max().item<double>(), 1e-6);
}

TEST_F(TrainService, TheClipIsOfTheGradientsAsCallbacksLeftThem) {
  tiny.settings.max_grad_norm = 0.5;
  steer("what = \"scale\"\nvalue = 1000.0");
  // (1 - beta1) times the clipped gradient
  EXPECT_NEAR(tiny.first_moments().norm().item<double>(), 0.1 * 0.5, 1e-6);
}

TEST_F(TrainService, SetClipNormIsForOneStep) {
  EXPECT_THAT(steer("what = \"clip\"\nvalue = 0.001"), ElementsAre("clip: done"));
  EXPECT_NEAR(tiny.first_moments().norm().item<double>(), 0.1 * 0.001, 1e-7);
  TinyStage two;
  std::vector<CallbackPlugin> callbacks;
  callbacks.push_back(two.callback("steer", "what = \"clip\"\nvalue = 0.001"));
  said_by("org.test.steer", [&] { two.train(std::move(callbacks), 4); });
  // the second step's gradient came through
  EXPECT_GT(two.first_moments().norm().item<double>(), 0.01);
}

TEST_F(TrainService, SetLearningRateIsForOneStep) {
  const at::Tensor start = tiny.weights();
  EXPECT_THAT(steer("what = \"rate\"\nvalue = 0.125"), ElementsAre("rate: done"));
  EXPECT_NEAR((tiny.weights() - start).abs().max().item<double>(), 0.125, 1e-4);
  tiny.state.global_step = 0;
  tiny.reports.clear();
  steer("what = \"rate\"\nvalue = 0.25", 6);
  ASSERT_EQ(tiny.reports.size(), 3u);
  EXPECT_EQ(tiny.reports[0].learning_rate, 0.25);
  EXPECT_EQ(tiny.reports[1].learning_rate, 0.01);
  EXPECT_EQ(tiny.reports[2].learning_rate, 0.01);
}

TEST_F(TrainService, ASkippedStepChangesNothing) {
  const at::Tensor start = tiny.weights();
  EXPECT_THAT(steer("what = \"skip\""), ElementsAre("skip: done"));
  EXPECT_TRUE(at::equal(tiny.weights(), start));
  EXPECT_EQ(tiny.optimizer.step_count(), 0);
  EXPECT_EQ(tiny.first_moments().abs().max().item<double>(), 0);
  ASSERT_EQ(tiny.reports.size(), 1u);
  EXPECT_EQ(tiny.reports[0].learning_rate, 0);
  EXPECT_GT(tiny.reports[0].loss, 0);

  tiny.state.global_step = 0;
  EXPECT_THAT(steer("what = \"skip\"", 4), ElementsAre("skip: done"));
  EXPECT_EQ(tiny.optimizer.step_count(), 1);  // the second step is a step again
}

TEST_F(TrainService, SkippingIsForBeforeTheStep) {
  EXPECT_THAT(steer("what = \"skip-late\""),
              ElementsAre("skip: skip_step() belongs into on_pre_optimizer_step"));
  EXPECT_EQ(tiny.optimizer.step_count(), 1);
}

TEST_F(TrainService, InsideAnEventEverythingIsThere) {
  EXPECT_THAT(steer("what = \"inside\""),
              ElementsAre("parameters: 11, named", "tensor: done", "shard: done", "rate: done",
                          "clip: done", "skip: done"));
}

TEST_F(TrainService, OutsideOfEventsAndOnOtherThreadsCallsAreRefused) {
  const auto refused =
      ElementsAre("parameters: 0, no name", std::string("tensor: ") + kOutside,
                  std::string("shard: ") + kOutside, std::string("rate: ") + kOutside,
                  std::string("clip: ") + kOutside, std::string("skip: ") + kOutside);
  EXPECT_THAT(steer("what = \"outside\""), refused);
  EXPECT_EQ(tiny.optimizer.step_count(), 1);
  EXPECT_THAT(steer("what = \"thread\""), refused);
  EXPECT_EQ(tiny.optimizer.step_count(), 2);
}

TEST_F(TrainService, AHostThatDoesNotTrainHasNone) {
  EXPECT_THAT(
      error_of([] { instance(fixture("steer"), parse_toml("what = \"look\"", "test.toml")); }),
      HasSubstr("create(): this host does not train"));
}

TEST_F(TrainService, WrongArgumentsAreRefusedWithWords) {
  const at::Tensor start = tiny.weights();
  TinyStage plain;
  plain.train({}, 2);
  EXPECT_THAT(
      steer("what = \"wrong\""),
      ElementsAre("index: no such parameter", "shard: no such parameter",
                  "shard: no tensor of role 9", "nowhere: no such parameter",
                  "role: no tensor of role 9",
                  "slot: adamw keeps exp_avg and exp_avg_sq, not \"momentum\"",
                  "no slot: adamw keeps exp_avg and exp_avg_sq, not \"\"",
                  "rate: a learning rate must be finite and not negative",
                  "rate: a learning rate must be finite and not negative",
                  "rate: a learning rate must be finite and not negative",
                  "clip: a norm must not be negative", "clip: a norm must not be negative"));
  EXPECT_TRUE(at::equal(tiny.weights(), plain.weights()));  // nothing of it had an effect
}

// A Llama cut among three ranks: what each is shown is the whole, once.
TEST(TrainTensors, PartsOfAllRanksAreTheWhole) {
  TinyModel whole;
  for (const int64_t stage : {1, 2, 3}) {
    std::vector<int64_t> seen;
    for (int64_t rank = 0; rank < 3; ++rank) {
      TinyModel cut(Sharding{stage, rank, 3, 1});
      cut.model.parameters().zero_grad();
      const auto optimizer = make_optimizer(cut.model.parameters(), {});
      TrainAccess access;
      give_tensors(access, cut.model, *optimizer);
      seen.resize(access.names.size());
      for (uint32_t i = 0; i < access.names.size(); ++i)
        for (const slw_role role : {SLW_ROLE_WEIGHT, SLW_ROLE_GRAD, SLW_ROLE_OPTIMIZER}) {
          const TrainAccess::Shard shard = access.shard(i, role);
          const DLTensor view = access.tensor(i, role, role == SLW_ROLE_OPTIMIZER ? "exp_avg" : "");
          const bool is_cut = stage > (role == SLW_ROLE_WEIGHT ? 2 : role == SLW_ROLE_GRAD ? 1 : 0);
          int64_t values = 1;
          for (const int64_t extent : shard.shape) values *= extent;
          EXPECT_EQ(view.ndim, is_cut ? 1 : static_cast<int32_t>(shard.shape.size()));
          EXPECT_EQ(view.shape[0], is_cut ? shard.count : shard.shape[0]);
          if (!is_cut) {
            EXPECT_EQ(shard.count, values);
          }
          if (role == SLW_ROLE_OPTIMIZER) seen[i] += shard.count;
          if (role != SLW_ROLE_WEIGHT) continue;
          const at::Tensor same = whole.model.parameters().tensor(i).detach().view({-1}).narrow(
              0, shard.offset, shard.count);
          EXPECT_TRUE(at::from_blob(view.data, {shard.count}).equal(same));
        }
      access.end_event();
    }
    for (size_t i = 0; i < seen.size(); ++i)
      EXPECT_EQ(seen[i], whole.model.parameters().tensor(i).numel()) << stage;
  }
}

TEST_F(TrainService, GradientsThatAreNoNumbersEndTheRunBeforeTheyReachTheWeights) {
  const at::Tensor start = tiny.weights();
  EXPECT_THAT(error_of([&] { steer("what = \"scale\"\nvalue = inf"); }),
              HasSubstr("step 1: a callback left gradients of norm"));
  EXPECT_TRUE(at::equal(tiny.weights(), start));
}

}  // namespace
}  // namespace slipway
