// A device other than the processor, as a module offers it: its memory, the host's operators over
// it, and recorded work. Everything happens in order, one thing after the other; what fails throws
// std::exception. This header knows neither LibTorch nor CUDA.
#pragma once
#include <cstddef>
#include <cstdint>
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

// Work of another kind, such as exchanges with other devices, that is done beside the kernels, in
// an order of its own. Goes away before the accelerator.
class WorkLane {
 public:
  // A place in the lane's order; may outlive the lane.
  class Mark {
   public:
    virtual ~Mark() = default;
    // Whether all before it is done. Any thread.
    virtual bool is_reached() = 0;
    // What the accelerator is asked for from here on begins after it.
    virtual void hold_back_kernels() = 0;
  };

  virtual ~WorkLane() = default;
  virtual void* handle() = 0;  // what libraries take it by: CUDA's stream
  // What the lane is given from here on begins after all that the accelerator was asked for so far.
  virtual void follow_kernels() = 0;
  virtual std::unique_ptr<Mark> mark() = 0;  // behind all that the lane was given so far
};

// Addresses of the device that stay what they are while memory behind them comes and goes in
// pieces. Its end gives all of it back, and waits for work that may still use it.
class PagedMemory {
 public:
  virtual ~PagedMemory() = default;
  virtual void* begin() const = 0;
  // Memory for [at, at + bytes), both multiples of page_bytes(), of which nothing has any; it holds
  // anything. Throws std::bad_alloc where there is none left.
  virtual void give(size_t at, size_t bytes) = 0;
  // The piece that was given at `at` goes back once all is done that the accelerator was asked for
  // so far; whatever touches it later is an error. A few pieces at most wait for that: else this,
  // or give(), waits for them.
  virtual void take(size_t at) = 0;
};

// Any thread may call it, one at a time where it is not said otherwise.
class Accelerator {
 public:
  virtual ~Accelerator() = default;

  virtual std::string name() const = 0;      // as its maker calls it
  virtual std::string identity() const = 0;  // no other device, of any machine, has the same
  // what its maker calls its generation of instructions: "9.0" for compute capability 9.0
  virtual std::string capability() const = 0;
  virtual DeviceKernels& kernels() = 0;

  // Memory of the device, aligned to 256 bytes; the host must not touch it. Throws std::bad_alloc
  // when there is none left. release() waits for work that may still use it.
  virtual void* allocate(size_t bytes) = 0;
  virtual void release(void* memory) = 0;
  virtual size_t free_memory() = 0;
  virtual size_t total_memory() = 0;
  // Pieces of PagedMemory are multiples of so many bytes; 0 where the device has no such memory.
  virtual size_t page_bytes() = 0;
  // Addresses for so many bytes, a multiple of page_bytes(); memory for none of them.
  virtual std::unique_ptr<PagedMemory> reserve(size_t bytes) = 0;

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

  // Libraries that the calling thread gives the lane's handle to work on this device.
  virtual std::unique_ptr<WorkLane> make_lane() = 0;
};

// What a module exports under these names. The first tells how many devices this process may use;
// -1, and why as text, where the driver does not say. The second opens one of them, by its number;
// nullptr, and why, where that cannot be. Another call gives the same accelerator; a process opens
// one. The host never deletes it: tensors may outlive everything else.
constexpr const char* kCountDevices = "slipway_count_devices_9";
using CountDevices = int64_t(char* fault, size_t size);
constexpr const char* kOpenAccelerator = "slipway_open_accelerator_9";
using OpenAccelerator = Accelerator*(int64_t device, char* fault, size_t size);

}  // namespace slipway
