// What a model declares against what a file of weights holds.
#pragma once
#include <span>

#include "model/parameters.h"
#include "weights/model_folder.h"

namespace slipway {

// Every parameter is in the file in its exact shape (one that is tied to another may be absent, or
// has the other's values), and every tensor of the file has its place. No memory for parameters is
// needed. Of a model that is a program, tensors without a place are a warning: the program itself
// holds them. Throws Error naming file, tensor and shapes.
void check_weights(std::span<const ParameterSpec> parameters, const ModelWeights& weights);

}  // namespace slipway
