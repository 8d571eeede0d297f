// Values whose memory comes and goes in pieces while their addresses stay: what lies in slices on
// several processes, and is whole here for as long as it is used.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "compute/torch.h"

namespace slipway {

// Memory comes and goes by so many values: a page.
constexpr int64_t kPageFloats = 1024;

class PageBuffer {
 public:
  enum class Released {
    kZeros,   // reads as zeros, and is there again when it is written
    kGuarded  // whoever touches it ends the process; explain_guarded() says with which words
  };
  // Addresses for `count` float32 values on the processor; memory for none of them. Throws Error
  // that names `what` ("weights") where the system has no room for them.
  PageBuffer(int64_t count, Released released, const char* what);

  // [count]. It owns the addresses: they live as long as it, or a view of it. Its version counter
  // is its own: who fills pages changes nothing that autograd follows through another view.
  const at::Tensor& values() const { return values_; }

  // The values [begin, begin + count) can be read and written: zeros where they were released.
  void hold(int64_t begin, int64_t count) const;
  // Their memory goes back to the system: all pages that begin among them, so that what follows
  // begins with a page of its own. `begin` is a multiple of kPageFloats.
  void release(int64_t begin, int64_t count) const;

 private:
  Released released_;
  at::Tensor values_;
};

// The whole pages that lie within `view`, a part of values() of a buffer that reads as zeros where
// it is released, go back to the system.
void give_pages_back(const at::Tensor& view);

// Bytes of a contiguous tensor on the processor that are in memory, by pages.
int64_t resident_bytes(const at::Tensor& tensor);

// From here on a process that touches the guarded values [begin, begin + count) says "error: " and
// `words` on standard error and ends with `exit_code`, in place of a segmentation fault. They may
// be a device's, which ends so where its memory is closed to the process. `begin` points into
// memory that lives as long as the process's use of it. [loop]
void explain_guarded(const float* begin, int64_t count, const std::string& words, int exit_code);
// Those words for the value at this address; empty where there are none.
std::string words_of_guarded(const float* at);
// The words for what lies there are dropped.
void forget_guarded(const float* begin, int64_t count);

}  // namespace slipway
