// Adagrad (Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and
// Stochastic Optimization").
#include "operators/flat_buffers.h"
#include "operators/kernels_of.h"
#include "optim/optimizers.h"

namespace slipway {
namespace {

class Adagrad : public Optimizer {
 public:
  Adagrad(FlatParameters& parameters, const OptimizerSettings& settings, OptimizerOptions& options)
      : Optimizer(parameters, settings, "adagrad"),
        weight_decay_(settings.weight_decay),
        rate_decay_(options.number("lr_decay", 0)),
        epsilon_(options.number("eps", 1e-10)),
        sum_(add_flat_slot("sum")) {}

  TorchLayout torch_layout() const override {
    return {weight_decay_,
            TorchValue::dict({{"lr_decay", rate_decay_},
                              {"eps", epsilon_},
                              {"initial_accumulator_value", 0},
                              {"foreach", {}},
                              {"maximize", false},
                              {"differentiable", false},
                              {"fused", {}}}),
            TorchLayout::Step::kTensor};
  }

 protected:
  void update(FlatParameters::Group& group, size_t index, const Update& update) override {
    kernels::AdagradStep step{};
    step.grad_scale = static_cast<float>(update.grad_scale);
    step.decay = static_cast<float>(group.decay ? weight_decay_ : 0.0);
    step.rate = static_cast<float>(update.learning_rate /
                                   (1 + static_cast<double>(update.step - 1) * rate_decay_));
    step.epsilon = static_cast<float>(epsilon_);
    const float* g = group.grads.const_data_ptr<float>();
    float *w = group.weights.data_ptr<float>(), *sum = flat(sum_, index);
    kernels_of(group.weights).adagrad(g, group.weights.numel(), step, w, sum);
  }

 private:
  const double weight_decay_, rate_decay_, epsilon_;
  const size_t sum_;
};

}  // namespace

std::unique_ptr<Optimizer> make_adagrad(FlatParameters& parameters,
                                        const OptimizerSettings& settings,
                                        OptimizerOptions& options) {
  return std::make_unique<Adagrad>(parameters, settings, options);
}

}  // namespace slipway
