// A float32 operand that two products of a device take: each would round it, and once is enough.
#pragma once
#include "kernels/kernels.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {

// Floats of memory for `count` rounded values; 0 where products take them as they are: where they
// round nothing, and on the processor, whose products round on the way.
inline int64_t room_for_rounded(const at::Tensor& like, const Kernels& kernels, int64_t count) {
  return on_device(like) && kernels.bfloat16_values() ? (count + 1) / 2 : 0;
}

// The values [count] rounded into `memory`, room_for_rounded() floats, or as they are.
inline ConstValues rounded_once(const at::Tensor& like, Kernels& kernels, const float* values,
                                int64_t count, float* memory) {
  if (room_for_rounded(like, kernels, count) == 0) return values;
  auto* const rounded = reinterpret_cast<uint16_t*>(memory);
  kernels.round_values(values, count, rounded);
  return rounded;
}

}  // namespace slipway
