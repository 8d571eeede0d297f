// The trained parameters as the Hugging Face Trainer numbers them in optimizer.pt.
#pragma once
#include <string>
#include <vector>

#include "model/parameters.h"

namespace slipway {

struct NumberedParameters {
  struct Parameter {
    std::string name;
    at::Tensor weight;
    size_t view;   // its place among Optimizer::Slot::views
    size_t index;  // of its spec
  };
  std::vector<Parameter> parameters;
  size_t decaying = 0;  // the first so many take weight decay
};

NumberedParameters number_parameters(const FlatParameters& parameters);

}  // namespace slipway
