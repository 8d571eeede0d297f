// Values whose memory comes and goes in pieces while their addresses stay, wherever models compute:
// by the processor's pages, or those of the accelerator.
#pragma once
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "compute/page_buffer.h"
#include "operators/accelerator/device_pages.h"

namespace slipway {

// Pieces begin at multiples of so many values where models compute; kPageFloats where the
// accelerator has no pages, which PagedValues refuses.
int64_t piece_floats();

class PagedValues {
 public:
  // Addresses for `count` float32 values, in pieces that begin at `begins`, ascending from 0 and
  // multiples of piece_floats(); memory for none of them. Throws Error that names `what`
  // ("weights").
  PagedValues(int64_t count, const std::vector<int64_t>& begins, PageBuffer::Released released,
              const char* what);

  const at::Tensor& values() const;  // [count], which own the addresses
  // A piece can be read and written: zeros, or on a device with kGuarded anything, where it was
  // released. With kZeros what operators write is held without that, and what they read, too.
  void hold(int64_t begin, int64_t count) const;
  void release(int64_t begin, int64_t count) const;

 private:
  std::variant<PageBuffer, std::unique_ptr<DevicePages>> pages_;
};

}  // namespace slipway
