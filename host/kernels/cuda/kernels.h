// The kernels on a stream.
#pragma once
#include <memory>

#include "kernels/cuda/card.h"
#include "kernels/cuda/products.h"
#include "kernels/device_kernels.h"

namespace slipway::cuda {

// `products` works on the same stream and outlives them.
std::unique_ptr<DeviceKernels> kernels_on(cudaStream_t stream, Products& products,
                                          const Card& card);

}  // namespace slipway::cuda
