// The kernels on a stream.
#pragma once
#include <memory>

#include "device/accelerator/device_kernels.h"
#include "device/cuda/card.h"
#include "device/cuda/products.h"

namespace slipway::cuda {

// `products` works on the same stream and outlives them.
std::unique_ptr<DeviceKernels> kernels_on(cudaStream_t stream, Products& products,
                                          const Card& card);

}  // namespace slipway::cuda
