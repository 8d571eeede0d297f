// Copies between tensors of the accelerator and of the processor, or within the accelerator.
#pragma once
#include <functional>

#include "compute/torch.h"
#include "kernels/accelerator.h"

namespace slipway {

// `to` = `from`, one of them the accelerator's at least; any types and strides. Returns `to`.
// LibTorch's _copy_from.
at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool non_blocking);

// While it lives, `check` is called after each copy to the processor, on the thread that copied,
// and throws where the accelerator's work was broken off, so that nobody takes what is left of it
// for a result. Any thread.
class CopyCheck {
 public:
  explicit CopyCheck(std::function<void()> check);
  ~CopyCheck();
  CopyCheck(const CopyCheck&) = delete;
  CopyCheck& operator=(const CopyCheck&) = delete;

 private:
  friend void check_copy();
  const std::function<void()> check_;
};

// Those checks, as a copy calls them.
void check_copy();

// The accelerator whose memory tensors lie in.
Accelerator& device_of_tensors();

}  // namespace slipway
