// AdamW over the flat buffers.
#include "optim/adamw.h"

#include <cmath>

#include "base/trace.h"
#include "device/kernels.h"

namespace slipway {
namespace {

constexpr int64_t kGrain = 131072;

}  // namespace

AdamW::AdamW(FlatParameters& parameters, AdamWSettings settings) : parameters_(parameters), settings_(settings) {
  for (const FlatParameters::Group& group : parameters_.groups())
    if (group.trainable) moments_.push_back({at::zeros_like(group.weights), at::zeros_like(group.weights)});
}

void AdamW::step(double learning_rate, double grad_scale) {
  const TraceScope trace("optimizer", "adamw");
  size_t next = 0;
  ++step_count_;
  const auto t = static_cast<double>(step_count_);
  const double correction1 = 1 - std::pow(settings_.beta1, t), correction2 = 1 - std::pow(settings_.beta2, t);
  kernels::AdamWStep step{};
  step.grad_scale = static_cast<float>(grad_scale);
  step.beta1 = static_cast<float>(settings_.beta1), step.rest1 = static_cast<float>(1 - settings_.beta1);
  step.beta2 = static_cast<float>(settings_.beta2), step.rest2 = static_cast<float>(1 - settings_.beta2);
  step.inverse_root2 = static_cast<float>(1 / std::sqrt(correction2));
  step.epsilon = static_cast<float>(settings_.epsilon);
  step.step_size = static_cast<float>(learning_rate / correction1);
  for (FlatParameters::Group& group : parameters_.groups()) {
    if (!group.trainable) continue;
    Moments& m = moments_[next++];
    step.keep = static_cast<float>(group.decay ? 1 - learning_rate * settings_.weight_decay : 1.0);
    float *w = group.weights.data_ptr<float>(), *exp_avg = m.exp_avg.data_ptr<float>(), *exp_avg_sq = m.exp_avg_sq.data_ptr<float>();
    const float* g = group.grads.const_data_ptr<float>();
    at::parallel_for(0, group.weights.numel(), kGrain, [&](int64_t begin, int64_t end) {
      kernels::adamw(g + begin, end - begin, step, w + begin, exp_avg + begin, exp_avg_sq + begin);
    });
  }
}

void AdamW::reset() {
  step_count_ = 0;
  for (Moments& m : moments_) {
    m.exp_avg.zero_();
    m.exp_avg_sq.zero_();
  }
}

}  // namespace slipway
