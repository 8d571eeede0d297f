// A copy, in the processor's memory, of buffers that go on changing: what a checkpoint is written
// from while training goes on.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "compute/torch.h"

namespace slipway {

// Where the values of a tensor of the run are, for the host's pointers: on_host()
// (operators/accelerator/device_tensors.h), or held() of a copy.
using HostValues = std::function<at::Tensor(const at::Tensor&)>;

class HostCopy {
 public:
  // Copies the buffers, contiguous float32 ones on the processor or the accelerator, with all
  // threads. nullptr where there is no memory for them. [loop]
  static std::shared_ptr<const HostCopy> of(std::span<const at::Tensor> buffers);
  ~HostCopy();
  HostCopy(const HostCopy&) = delete;
  HostCopy& operator=(const HostCopy&) = delete;

  // What `view`, a contiguous part of one of the buffers, held when they were copied; valid as long
  // as the copy. Throws Error for a tensor that is no part of them. [any thread]
  at::Tensor held(const at::Tensor& view) const;

 private:
  struct Piece {
    at::Tensor there;
    float* here;
  };
  HostCopy(void* memory, size_t bytes) : memory_(memory), bytes_(bytes) {}

  void* memory_;
  size_t bytes_;
  std::vector<Piece> pieces_;
};

}  // namespace slipway
