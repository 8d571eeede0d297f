// AdamW over the flat buffers.
#include "optim/adamw.h"

namespace slipway {

AdamW::AdamW(FlatParameters& parameters, AdamWSettings settings) : parameters_(parameters), settings_(settings) {
  for (const FlatParameters::Group& group : parameters_.groups())
    if (group.trainable) moments_.push_back({at::zeros_like(group.weights), at::zeros_like(group.weights)});
}

void AdamW::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  size_t next = 0;
  ++step_count_;
  for (FlatParameters::Group& group : parameters_.groups()) {
    if (!group.trainable) continue;
    Moments& m = moments_[next++];
    // LibTorch reads the count that already includes this step.
    const at::Tensor count = at::scalar_tensor(static_cast<double>(step_count_), at::kFloat);
    at::_fused_adamw_({group.weights}, {group.grads}, {m.exp_avg}, {m.exp_avg_sq}, {}, {count}, learning_rate,
                      settings_.beta1, settings_.beta2, group.decay ? settings_.weight_decay : 0.0, settings_.epsilon,
                      /*amsgrad=*/false, /*maximize=*/false, std::nullopt, std::nullopt);
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
