// Stochastic gradient descent, with momentum where options ask for it.
#include "base/error.h"
#include "operators/flat_buffers.h"
#include "operators/kernels_of.h"
#include "optim/optimizers.h"

namespace slipway {
namespace {

class Sgd : public Optimizer {
 public:
  Sgd(FlatParameters& parameters, const OptimizerSettings& settings, OptimizerOptions& options)
      : Optimizer(parameters, settings, "sgd"),
        weight_decay_(settings.weight_decay),
        momentum_(options.number("momentum", 0)),
        dampening_(options.number("dampening", 0)),
        nesterov_(options.flag("nesterov", false)) {
    if (!(momentum_ >= 0)) fail("optim_args: momentum is {}, at least 0 is needed", momentum_);
    if (nesterov_ && (momentum_ == 0 || dampening_ != 0))
      fail("optim_args: nesterov needs a momentum over 0, and no dampening");
    if (momentum_ > 0) buffer_ = add_flat_slot("momentum_buffer");
  }

  TorchLayout torch_layout() const override {
    return {weight_decay_, TorchValue::dict({{"momentum", momentum_},
                                             {"dampening", dampening_},
                                             {"nesterov", nesterov_},
                                             {"maximize", false},
                                             {"foreach", {}},
                                             {"differentiable", false},
                                             {"fused", {}}})};
  }

 protected:
  void update(FlatParameters::Group& group, size_t index, const Update& update) override {
    kernels::SgdStep step{};
    step.grad_scale = static_cast<float>(update.grad_scale);
    step.decay = static_cast<float>(group.decay ? weight_decay_ : 0.0);
    step.momentum = static_cast<float>(momentum_);
    // The first update takes the gradient whole: the buffer holds zeros before it.
    step.fresh = update.step == 1 ? 1.0f : static_cast<float>(1 - dampening_);
    step.rate = static_cast<float>(update.learning_rate);
    step.nesterov = nesterov_;
    const float* g = group.grads.const_data_ptr<float>();
    float *w = group.weights.data_ptr<float>(),
          *buffer = momentum_ > 0 ? flat(buffer_, index) : nullptr;
    kernels_of(group.weights).sgd(g, group.weights.numel(), step, w, buffer);
  }

 private:
  const double weight_decay_, momentum_, dampening_;
  const bool nesterov_;
  size_t buffer_ = 0;
};

}  // namespace

std::unique_ptr<Optimizer> make_sgd(FlatParameters& parameters, const OptimizerSettings& settings,
                                    OptimizerOptions& options) {
  return std::make_unique<Sgd>(parameters, settings, options);
}

}  // namespace slipway
