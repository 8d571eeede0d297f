// Copies between tensors of the accelerator and of the processor, or within the accelerator.
#pragma once
#include "compute/torch.h"
#include "kernels/accelerator.h"

namespace slipway {

// `to` = `from`, one of them the accelerator's at least; any types and strides. Returns `to`.
// LibTorch's _copy_from.
at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool non_blocking);

// The accelerator whose memory tensors lie in.
Accelerator& device_of_tensors();

}  // namespace slipway
