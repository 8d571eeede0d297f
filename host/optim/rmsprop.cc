// RMSprop (Tieleman and Hinton, "Lecture 6.5: divide the gradient by a running average of its
// recent magnitude", 2012).
#include "base/error.h"
#include "operators/flat_buffers.h"
#include "operators/kernels_of.h"
#include "optim/optimizers.h"

namespace slipway {
namespace {

class Rmsprop : public Optimizer {
 public:
  Rmsprop(FlatParameters& parameters, const OptimizerSettings& settings, OptimizerOptions& options)
      : Optimizer(parameters, settings, "rmsprop"),
        weight_decay_(settings.weight_decay),
        momentum_(options.number("momentum", 0)),
        alpha_(options.number("alpha", 0.99)),
        epsilon_(options.number("eps", 1e-8)),
        centered_(options.flag("centered", false)),
        square_(add_flat_slot("square_avg")) {
    if (!(momentum_ >= 0)) fail("optim_args: momentum is {}, at least 0 is needed", momentum_);
    if (!(alpha_ >= 0 && alpha_ < 1))
      fail("optim_args: alpha is {}, it must lie between 0 and 1", alpha_);
    if (momentum_ > 0) buffer_ = add_flat_slot("momentum_buffer");
    if (centered_) mean_ = add_flat_slot("grad_avg");
  }

  TorchLayout torch_layout() const override {
    return {weight_decay_,
            TorchValue::dict({{"momentum", momentum_},
                              {"alpha", alpha_},
                              {"eps", epsilon_},
                              {"centered", centered_},
                              {"capturable", false},
                              {"foreach", {}},
                              {"maximize", false},
                              {"differentiable", false}}),
            TorchLayout::Step::kTensor};
  }

 protected:
  void update(FlatParameters::Group& group, size_t index, const Update& update) override {
    kernels::RmspropStep step{};
    step.grad_scale = static_cast<float>(update.grad_scale);
    step.decay = static_cast<float>(group.decay ? weight_decay_ : 0.0);
    step.alpha = static_cast<float>(alpha_), step.rest = static_cast<float>(1 - alpha_);
    step.epsilon = static_cast<float>(epsilon_);
    step.momentum = static_cast<float>(momentum_);
    step.rate = static_cast<float>(update.learning_rate);
    const float* g = group.grads.const_data_ptr<float>();
    float *w = group.weights.data_ptr<float>(), *square = flat(square_, index),
          *mean = centered_ ? flat(mean_, index) : nullptr,
          *buffer = momentum_ > 0 ? flat(buffer_, index) : nullptr;
    kernels_of(group.weights).rmsprop(g, group.weights.numel(), step, w, square, mean, buffer);
  }

 private:
  const double weight_decay_, momentum_, alpha_, epsilon_;
  const bool centered_;
  const size_t square_;
  size_t mean_ = 0, buffer_ = 0;
};

}  // namespace

std::unique_ptr<Optimizer> make_rmsprop(FlatParameters& parameters,
                                        const OptimizerSettings& settings,
                                        OptimizerOptions& options) {
  return std::make_unique<Rmsprop>(parameters, settings, options);
}

}  // namespace slipway
