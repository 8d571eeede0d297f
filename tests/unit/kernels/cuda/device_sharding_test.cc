// Training on a device whose rank keeps slices of gradients and weights, beside one that keeps all:
// two ranks of one process, of which the second computes what the first does.
#include <gmock/gmock.h>

#include <algorithm>

#include "loop/shared_step.h"
#include "loop/whole_values.h"
#include "operators/flat_buffers.h"
#include "optim/optimizer.h"
#include "tests/unit/kernels/cuda/device_under_test.h"
#include "tests/unit/loop/tiny_model.h"
#include "tests/unit/plain_model.h"

namespace slipway::cuda {
namespace {

constexpr int64_t kCutVocab = 37, kCutHidden = 12;

// Rank 0 of two. What is exchanged between devices is copied there, and the other's slices are
// those of `theirs`.
class SecondRank : public RankGroup {
 public:
  SecondRank(const FlatParameters& mine, const FlatParameters& theirs)
      : RankGroup(0, 2), mine_(mine), theirs_(theirs) {}

  struct Done : Exchange {
    void wait() override {}
  };
  std::unique_ptr<Exchange> begin_all_reduce(const at::Tensor& x, Reduction reduction,
                                             const char*) override {
    if (reduction == Reduction::kSum) x.mul_(2);
    return std::make_unique<Done>();
  }
  std::unique_ptr<Exchange> begin_reduce_scatter(const at::Tensor& whole, const at::Tensor& own,
                                                 const char*) override {
    EXPECT_TRUE(on_device(whole));
    const int64_t n = own.numel();
    own.copy_(whole.narrow(0, 0, n).mul(2));
    at::Tensor kept = theirs_.own_grads(unit_of(whole));
    kept.copy_(kept + whole.narrow(0, n, n).mul(2));
    return std::make_unique<Done>();
  }
  std::unique_ptr<Exchange> begin_all_gather(const at::Tensor& own, const at::Tensor& whole,
                                             const char*) override {
    const int64_t n = own.numel();
    whole.narrow(0, 0, n).copy_(own);
    whole.narrow(0, n, n).copy_(theirs_.own_weights(unit_of(whole)));
    return std::make_unique<Done>();
  }
  std::unique_ptr<Exchange> begin_broadcast(const at::Tensor&, int64_t, const char*) override {
    return std::make_unique<Done>();
  }
  std::vector<std::string> all_gather_bytes(std::string_view bytes, const char*) override {
    return {std::string(bytes), std::string(bytes)};
  }
  void barrier(const char*) override {}
  void doing(const char*, int64_t) override {}

 private:
  size_t unit_of(const at::Tensor& whole) const {
    return mine_.unit_at(static_cast<const float*>(whole.const_data_ptr())).value();
  }
  const FlatParameters &mine_, &theirs_;
};

std::unique_ptr<Optimizer> adamw_of(Model& model) {
  OptimizerSettings settings;
  settings.weight_decay = 0.1;
  settings.epsilon = 1e-5;  // else what rounding makes of a gradient near 0 is a whole step
  return make_optimizer(model.parameters(), settings);
}

// The weights of the parameters, in a row.
at::Tensor weights_in_a_row(const Model& model) {
  std::vector<at::Tensor> out;
  for (size_t i = 0; i < model.parameters().specs().size(); ++i)
    out.push_back(on_host(model.parameters().tensor(i).detach()).view({-1}));
  return at::cat(out);
}

int64_t bytes_of(const FlatParameters& parameters, bool gradients) {
  int64_t out = 0;
  for (const FlatParameters::Group& group : parameters.groups())
    out += bytes_in_memory(gradients ? group.grads : group.weights);
  return out;
}

class CudaSharding : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    if (IsSkipped()) return;
    use_accelerator(device_under_test());
    examples_ = tiny_examples();
  }
  void TearDown() override { use_accelerator(nullptr); }

  // So many steps of two passes each; the weights afterwards.
  at::Tensor whole_steps(int steps) {
    TinyModel tiny;
    const auto optimizer = adamw_of(tiny.model);
    for (int step = 0; step < steps; ++step) {
      tiny.model.parameters().zero_grad();
      for (int pass = 0; pass < 2; ++pass) loss_backward(tiny.model, pack(pointers(examples_)), 10);
      tiny.model.parameters().scale_grad(2);
      norms_.push_back(tiny.model.parameters().grad_norm());
      optimizer->step(1e-2);
    }
    return weights_in_a_row(tiny.model);
  }

  std::vector<Example> examples_;
  std::vector<double> norms_;
};

TEST_F(CudaSharding, StepsOfARankThatKeepsSlicesAreThoseOfOneThatKeepsAll) {
  constexpr int kSteps = 2;
  const at::Tensor expected = whole_steps(kSteps);
  for (const int64_t stage : {2, 3}) {
    TinyModel mine({stage, 0, 2, 1}), theirs({stage, 1, 2, 1});
    FlatParameters& parameters = mine.model.parameters();
    SecondRank ranks(parameters, theirs.model.parameters());
    if (stage == 3) mine.model.gather_from(ranks);
    const RankGrid grid{ranks, ranks, RankGroup::alone()};
    SharedStep shared(grid, mine.model);
    const auto own = adamw_of(mine.model), other = adamw_of(theirs.model);
    for (int step = 0; step < kSteps; ++step) {
      parameters.zero_grad(), theirs.model.parameters().zero_grad();
      shared.begin(std::vector<int64_t>{1, 1});
      for (int pass = 0; pass < 2; ++pass) {
        shared.begin_pass(pass == 1);
        loss_backward(mine.model, pack(pointers(examples_)), 10);
        shared.end_pass();
        shared.pass_by(static_cast<size_t>(pass));
        EXPECT_EQ(bytes_of(parameters, true), 0) << "gradients are scattered";
        if (stage == 3) {
          EXPECT_EQ(bytes_of(parameters, false), 0) << "weights are released";
        }
      }
      shared.finish(0, false);
      // shared.grad_norm() takes the other's to be as large as this one's.
      const double norm =
          std::sqrt(parameters.grad_squares() + theirs.model.parameters().grad_squares());
      EXPECT_NEAR(norm, norms_[static_cast<size_t>(step)], 1e-6 * norm);
      own->step(1e-2), other->step(1e-2);
      shared.gather_weights();
    }
    const WholeWeights held(mine.model);
    const std::string what = fmt::format("weights with zero_stage = {}", stage);
    EXPECT_LT(largest_difference(what.c_str(), weights_in_a_row(mine.model), expected), 1e-5);
    if (stage == 2) continue;
    // What rank 0 writes comes unit by unit.
    EXPECT_GT(bytes_of(parameters, false), 0);
  }
}

// The memory of weights while a model is computed: that of two segments, and what they share.
TEST_F(CudaSharding, AForwardPassHoldsTheWeightsOfTwoSegments) {
  if (on_a_gpu()) GTEST_SKIP() << "skipped: one of a GPU's pages holds this whole model";
  TinyModel mine({3, 0, 2, 1}), theirs({3, 1, 2, 1});
  SecondRank ranks(mine.model.parameters(), theirs.model.parameters());
  mine.model.gather_from(ranks);
  const at::NoGradGuard no_grad;
  double expected = 0;
  {
    TinyModel whole;
    expected = loss_sum(whole.model, pack(pointers(examples_)));
  }
  EXPECT_NEAR(loss_sum(mine.model, pack(pointers(examples_))), expected, 1e-6 * expected);
  int64_t all = 0;
  for (const ParameterUnit& unit : mine.model.parameters().units())
    all += unit.count * static_cast<int64_t>(sizeof(float));
  const int64_t held = bytes_of(mine.model.parameters(), false);
  std::printf("after the head %ld bytes of weights are held, of %ld\n", held, all);
  EXPECT_GT(held, 0);
  EXPECT_LT(bytes_of(mine.model.parameters(), false), all);
  mine.model.window()->rest();
  EXPECT_EQ(bytes_of(mine.model.parameters(), false), 0);
}

// The block's weights are said to be the head's.
TEST_F(CudaSharding, AModelThatReadsWeightsOfAnotherSegmentIsToldTheirName) {
  using Weights = PlainModel::Weights;
  const std::vector<PlainModel::Parameter> declared = {{"embedding", {kCutVocab, kCutHidden}, 0},
                                                       {"block", {kCutHidden, kCutHidden}, 2},
                                                       {"head", {kCutVocab, kCutHidden}, 2}};
  const std::vector<PlainModel::Segment> segments = {
      [](const Weights& w, const at::Tensor& ids, int64_t) {
        return slipway::embedding(w[0], ids);
      },
      [](const Weights& w, const at::Tensor& x, int64_t) { return slipway::linear(x, w[1]); },
      [](const Weights& w, const at::Tensor& x, int64_t) { return slipway::linear(x, w[2]); }};
  PlainModel mine(kCutVocab, kCutHidden, declared, segments, 2, {3, 0, 2, 1}),
      theirs(kCutVocab, kCutHidden, declared, segments, 2, {3, 1, 2, 1});
  SecondRank ranks(mine.model->parameters(), theirs.model->parameters());
  mine.model->gather_from(ranks);
  const RankGrid grid{ranks, ranks, RankGroup::alone()};
  const std::vector<Example> one = {{{1, 5, 9}, 1}};
  EXPECT_THAT(
      [&] {
        SharedStep shared(grid, *mine.model);
        shared.begin_pass(true);
        loss_backward(*mine.model, pack(pointers(one)), 2);
      },
      testing::ThrowsMessage<std::exception>(testing::HasSubstr(
          "the model reads block in a segment that it does not name for it (declared: 2)")));
}

// What a rank was given to keep is what a checkpoint or a seed says, whatever it has memory for.
TEST_F(CudaSharding, SlicesAreFilledWithoutMemoryForAll) {
  TinyModel mine({3, 1, 2, 1}), whole;
  FlatParameters& parameters = mine.model.parameters();
  EXPECT_EQ(bytes_of(parameters, false), 0);
  for (size_t i = 0; i < parameters.specs().size(); ++i) {
    if (parameters.specs()[i].tied_to >= 0) continue;
    const FlatParameters::OwnPart part = parameters.own_part(i);
    const at::Tensor own =
        on_host(parameters.own_weights(part.unit)).narrow(0, part.in_slice, part.count);
    EXPECT_TRUE(own.equal(on_host(whole.model.parameters().tensor(i).detach())
                              .view({-1})
                              .narrow(0, part.offset, part.count)))
        << parameters.specs()[i].name;
  }
}

}  // namespace
}  // namespace slipway::cuda
