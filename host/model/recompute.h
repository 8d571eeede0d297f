// Activation checkpointing: a piece of a model that keeps its input alone, and is computed again in
// the backward pass.
#pragma once
#include <functional>

#include "compute/torch.h"

namespace slipway {

// run(x), unrecorded; the backward pass calls `run` a second time, recorded and with the CPU's
// random state of the first, and goes through that. Gradients equal those of run(x) itself, bit for
// bit, if both calls compute the same. What `run` refers to must outlive the backward pass. [loop]
at::Tensor recomputed(const at::Tensor& x, std::function<at::Tensor(const at::Tensor& x)> run);

}  // namespace slipway
