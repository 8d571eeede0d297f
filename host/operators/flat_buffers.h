// Flat buffers of weights, gradients and optimizer state, wherever they lie. All are contiguous
// float32. [loop]
#pragma once
#include <cstddef>
#include <span>

#include "compute/torch.h"

namespace slipway {

void fill_zero(at::Tensor& buffer);
// `count` values from the first on.
void fill_zero(at::Tensor& buffer, int64_t first, int64_t count);
// `sum` plus the squares of all values, in float64, the same on every call. Waits for the device.
double add_squares(double sum, const at::Tensor& buffer);
// to += more, which may be bfloat16.
void add_to(at::Tensor& to, const at::Tensor& more);
// buffer *= factor
void scale(at::Tensor& buffer, double factor);

// The buffer's memory, where the host's pointers reach it; else nothing.
std::span<std::byte> host_bytes(const at::Tensor& buffer);

// Bytes of the buffer that are in memory: its pages that are.
int64_t bytes_in_memory(const at::Tensor& buffer);

// Lets buffers change contents, not addresses.
class ContentsSwap {
 public:
  // For buffers like this one. Everything is allocated here: an allocation that failed halfway
  // would leave a mixture of both.
  explicit ContentsSwap(const at::Tensor& like);
  void swap(const at::Tensor& a, const at::Tensor& b) const;

 private:
  at::Tensor passing_;  // on a device: what is on its way from one side to the other
};

}  // namespace slipway
