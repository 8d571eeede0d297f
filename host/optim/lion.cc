// Lion (Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023), with decoupled weight
// decay.
#include "operators/flat_buffers.h"
#include "operators/kernels_of.h"
#include "optim/optimizers.h"

namespace slipway {
namespace {

class Lion : public Optimizer {
 public:
  Lion(FlatParameters& parameters, const OptimizerSettings& settings)
      : Optimizer(parameters, settings, "lion"),
        settings_(settings),
        exp_avg_(add_flat_slot("exp_avg")) {}

  TorchLayout torch_layout() const override {
    return {settings_.weight_decay,
            TorchValue::dict({{"betas", TorchValue::tuple({settings_.beta1, settings_.beta2})}})};
  }

 protected:
  void update(FlatParameters::Group& group, size_t index, const Update& update) override {
    kernels::LionStep step{};
    step.grad_scale = static_cast<float>(update.grad_scale);
    step.keep =
        static_cast<float>(group.decay ? 1 - update.learning_rate * settings_.weight_decay : 1.0);
    step.beta1 = static_cast<float>(settings_.beta1),
    step.rest1 = static_cast<float>(1 - settings_.beta1);
    step.beta2 = static_cast<float>(settings_.beta2),
    step.rest2 = static_cast<float>(1 - settings_.beta2);
    step.rate = static_cast<float>(update.learning_rate);
    const float* g = group.grads.const_data_ptr<float>();
    float *w = group.weights.data_ptr<float>(), *m = flat(exp_avg_, index);
    kernels_of(group.weights).lion(g, group.weights.numel(), step, w, m);
  }

 private:
  const OptimizerSettings settings_;
  const size_t exp_avg_;
};

}  // namespace

std::unique_ptr<Optimizer> make_lion(FlatParameters& parameters,
                                     const OptimizerSettings& settings) {
  return std::make_unique<Lion>(parameters, settings);
}

}  // namespace slipway
