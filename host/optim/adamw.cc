// AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization").
#include <cmath>

#include "model/own_parts.h"
#include "operators/flat_buffers.h"
#include "operators/kernels_of.h"
#include "optim/optimizers.h"

namespace slipway {
namespace {

class AdamW : public Optimizer {
 public:
  AdamW(FlatParameters& parameters, const OptimizerSettings& settings)
      : Optimizer(parameters, settings, "adamw"),
        settings_(settings),
        exp_avg_(add_flat_slot("exp_avg")),
        exp_avg_sq_(add_flat_slot("exp_avg_sq")) {}

  TorchLayout torch_layout() const override {
    const TorchValue fused =
        settings_.name == "adamw_torch_fused" ? TorchValue(true) : TorchValue();
    return {settings_.weight_decay,
            TorchValue::dict({{"betas", TorchValue::tuple({settings_.beta1, settings_.beta2})},
                              {"eps", settings_.epsilon},
                              {"amsgrad", false},
                              {"maximize", false},
                              {"foreach", {}},
                              {"capturable", false},
                              {"differentiable", false},
                              {"fused", fused},
                              {"decoupled_weight_decay", true}}),
            TorchLayout::Step::kTensor};
  }

 protected:
  void update(FlatParameters::Group& group, size_t index, const Update& update) override {
    const auto t = static_cast<double>(update.step);
    const double correction1 = 1 - std::pow(settings_.beta1, t),
                 correction2 = 1 - std::pow(settings_.beta2, t);
    kernels::AdamWStep step{};
    step.grad_scale = static_cast<float>(update.grad_scale);
    step.beta1 = static_cast<float>(settings_.beta1),
    step.rest1 = static_cast<float>(1 - settings_.beta1);
    step.beta2 = static_cast<float>(settings_.beta2),
    step.rest2 = static_cast<float>(1 - settings_.beta2);
    step.inverse_root2 = static_cast<float>(1 / std::sqrt(correction2));
    step.epsilon = static_cast<float>(settings_.epsilon);
    step.step_size = static_cast<float>(update.learning_rate / correction1);
    step.keep =
        static_cast<float>(group.decay ? 1 - update.learning_rate * settings_.weight_decay : 1.0);
    const float* g = group.grads.const_data_ptr<float>();
    float *w = group.weights.data_ptr<float>(), *m = flat(exp_avg_, index),
          *v = flat(exp_avg_sq_, index);
    Kernels& kernels = kernels_of(group.weights);
    for_own_parts(group, [&](int64_t at, int64_t count) {
      kernels.adamw(g + at, count, step, w + at, m + at, v + at);
    });
  }

 private:
  const OptimizerSettings settings_;
  const size_t exp_avg_, exp_avg_sq_;
};

}  // namespace

std::unique_ptr<Optimizer> make_adamw(FlatParameters& parameters,
                                      const OptimizerSettings& settings) {
  return std::make_unique<AdamW>(parameters, settings);
}

}  // namespace slipway
