// AdamW over the flat buffers against the formula, in float64.
#include "optim/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/largest.h"

namespace slipway {
namespace {

TEST(AdamW, FollowsTheFormulaWithDecayOnlyWhereItBelongs) {
  FlatParameters parameters({{"w", {5}}, {"norm", {5}, true, false}, {"frozen", {5}, false}});
  parameters.initialise(3);
  for (size_t i = 0; i < 3; ++i) {
    const at::NoGradGuard no_grad;
    parameters.tensor(i).detach().copy_(at::arange(5, at::kFloat) * 0.1 + 0.3);
  }
  const OptimizerSettings settings{"adamw_torch", "", 0.9, 0.99, 1e-8, 0.1};
  const std::unique_ptr<Optimizer> optimizer = make_optimizer(parameters, settings);
  std::vector<double> expected[2] = {{.3, .4, .5, .6, .7}, {.3, .4, .5, .6, .7}}, m[2], v[2];
  for (auto* each : {m, v})
    for (int k = 0; k < 2; ++k) each[k].assign(5, 0.0);
  double largest = 0;
  for (int step = 1; step <= 4; ++step) {
    parameters.zero_grad();
    for (int k = 0; k < 2; ++k)
      for (int j = 0; j < 5; ++j) {
        const double g = std::sin(step * 7 + j + k * 3);
        parameters.tensor(static_cast<size_t>(k)).mutable_grad()[j].fill_(g);
        double &w = expected[k][static_cast<size_t>(j)], &mj = m[k][static_cast<size_t>(j)],
               &vj = v[k][static_cast<size_t>(j)];
        w -= 1e-2 * (k == 0 ? settings.weight_decay : 0.0) * w;
        mj = settings.beta1 * mj + (1 - settings.beta1) * g;
        vj = settings.beta2 * vj + (1 - settings.beta2) * g * g;
        w -= 1e-2 * (mj / (1 - std::pow(settings.beta1, step))) /
             (std::sqrt(vj / (1 - std::pow(settings.beta2, step))) + settings.epsilon);
      }
    optimizer->step(1e-2);
    for (int k = 0; k < 2; ++k)
      for (int j = 0; j < 5; ++j)
        largest = largest_of(
            {largest, std::abs(parameters.tensor(static_cast<size_t>(k))[j].item<double>() -
                               expected[k][static_cast<size_t>(j)])});
  }
  std::printf("largest difference: %.3g\n", largest);
  EXPECT_LT(largest, 1e-6);
  EXPECT_FLOAT_EQ(parameters.tensor(2)[4].item<float>(), 0.7f);
  EXPECT_EQ(optimizer->step_count(), 4);
}

}  // namespace
}  // namespace slipway
