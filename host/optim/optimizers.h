// The optimizers, each in a file of its own name.
#pragma once
#include <memory>

#include "optim/optimizer.h"
#include "optim/optimizer_options.h"

namespace slipway {

std::unique_ptr<Optimizer> make_adamw(FlatParameters& parameters,
                                      const OptimizerSettings& settings);
std::unique_ptr<Optimizer> make_sgd(FlatParameters& parameters, const OptimizerSettings& settings,
                                    OptimizerOptions& options);
std::unique_ptr<Optimizer> make_adagrad(FlatParameters& parameters,
                                        const OptimizerSettings& settings,
                                        OptimizerOptions& options);
std::unique_ptr<Optimizer> make_rmsprop(FlatParameters& parameters,
                                        const OptimizerSettings& settings,
                                        OptimizerOptions& options);
std::unique_ptr<Optimizer> make_lion(FlatParameters& parameters, const OptimizerSettings& settings);
std::unique_ptr<Optimizer> make_adafactor(FlatParameters& parameters,
                                          const OptimizerSettings& settings);

}  // namespace slipway
