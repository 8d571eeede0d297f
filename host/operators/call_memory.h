// Memory that an operator needs for one call, where its operands lie.
#pragma once
#include <array>

#include "compute/scratch.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {

// Parts of so many floats each, aligned to 256 bytes from one another. On the processor they are
// the thread's `scratch`, which keeps its memory for the next call; on a device a tensor's.
template <size_t kParts>
class CallMemory {
 public:
  CallMemory(Scratch& scratch, const at::Tensor& operand, const int64_t (&floats)[kParts]) {
    int64_t all = 0;
    for (const int64_t count : floats) all += aligned(count);
    float* from = nullptr;
    if (on_device(operand)) {
      owner_ = at::empty({all}, operand.options());
      from = owner_.data_ptr<float>();
    } else {
      from = scratch.take(all);
    }
    for (size_t i = 0; i < kParts; ++i) {
      parts[i] = from;
      from += aligned(floats[i]);
    }
  }
  CallMemory(const CallMemory&) = delete;
  CallMemory& operator=(const CallMemory&) = delete;

  std::array<float*, kParts> parts;

 private:
  static int64_t aligned(int64_t floats) { return (floats + 63) / 64 * 64; }

  at::Tensor owner_;
};

}  // namespace slipway
