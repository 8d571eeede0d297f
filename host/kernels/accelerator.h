// A device other than the processor, as a module offers it: its memory, the host's operators over
// it, and recorded work. Everything happens in order, one thing after the other; what fails throws
// std::exception. This header knows neither LibTorch nor CUDA.
#pragma once
#include <cstddef>
#include <memory>
#include <string>

#include "kernels/device_kernels.h"

namespace slipway {

// Work that was recorded, and can be done again and again on the same memory. May outlive nothing
// that it touches.
class RecordedWork {
 public:
  virtual ~RecordedWork() = default;
  virtual void replay() = 0;
};

class Accelerator {
 public:
  virtual ~Accelerator() = default;

  virtual std::string name() const = 0;  // as its maker calls it
  // what its maker calls its generation of instructions: "9.0" for compute capability 9.0
  virtual std::string capability() const = 0;
  virtual DeviceKernels& kernels() = 0;

  // Memory of the device, aligned to 256 bytes; the host must not touch it. Throws std::bad_alloc
  // when there is none left. release() waits for work that may still use it.
  virtual void* allocate(size_t bytes) = 0;
  virtual void release(void* memory) = 0;
  virtual size_t free_memory() = 0;
  virtual size_t total_memory() = 0;

  virtual void zero(void* memory, size_t bytes) = 0;
  virtual void copy(void* to, const void* from, size_t bytes) = 0;  // both the device's
  // from the host, whose memory is free on return
  virtual void copy_in(void* to, const void* from, size_t bytes) = 0;
  // to the host, which has it on return
  virtual void copy_out(void* to, const void* from, size_t bytes) = 0;

  // From here to end_recording() kernels, zero() and copy() are kept instead of done; copies from
  // and to the host are an error.
  virtual void begin_recording() = 0;
  virtual std::unique_ptr<RecordedWork> end_recording() = 0;
};

// What a module exports under the name kOpenAccelerator. Gives nullptr, and why as text, when there
// is no such device. The host never deletes the accelerator: tensors may outlive everything else.
constexpr const char* kOpenAccelerator = "slipway_open_accelerator_6";
using OpenAccelerator = Accelerator*(char* fault, size_t size);

}  // namespace slipway
