// Which kernels work on a tensor.
#pragma once
#include "compute/torch.h"
#include "kernels/kernels.h"

namespace slipway {

// Those for memory where the tensor lies.
Kernels& kernels_of(const at::Tensor& tensor);
// Those where models compute.
Kernels& compute_kernels();

}  // namespace slipway
