// Values on the accelerator whose memory comes and goes in pieces while their addresses stay: what
// compute/page_buffer.h is on the processor. A device does not tell the host what its kernels
// touch, so that who gives them addresses says so first: make_present().
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "compute/page_buffer.h"
#include "kernels/accelerator.h"

namespace slipway {

class DevicePages {
 public:
  // Addresses for `count` float32 values on the device that computes, in pieces that begin at
  // `begins`, ascending from 0 and multiples of page_floats(); memory for none of them. Throws
  // Error that names `what` where the device has no such memory, or no room for the addresses.
  DevicePages(int64_t count, std::vector<int64_t> begins, PageBuffer::Released released,
              const char* what);
  ~DevicePages();
  DevicePages(const DevicePages&) = delete;
  DevicePages& operator=(const DevicePages&) = delete;

  // [count]. It owns the addresses: they live as long as it, or a view of it.
  const at::Tensor& values() const { return values_; }
  // The pieces that [begin, begin + count) meets have memory: zeros, or with kGuarded anything,
  // where they had none. Throws std::bad_alloc.
  void hold(int64_t begin, int64_t count);
  // Theirs goes back to the device once it has done what it was asked for.
  void release(int64_t begin, int64_t count);
  // Bytes among those of [begin, begin + count) that have memory.
  int64_t held_bytes(int64_t begin, int64_t count);

  // Values of one page; 0 where the device that computes has no such memory.
  static int64_t page_floats();

 private:
  friend void make_present(const at::Tensor& tensor);
  friend int64_t bytes_with_memory(const at::Tensor& tensor);
  struct Piece {
    int64_t begin, end;  // values
    bool held;
  };
  template <class Visit>
  void each_met(int64_t begin, int64_t count, const Visit& visit);
  void hold(Piece& piece);
  void require_held(int64_t begin, int64_t count);

  const PageBuffer::Released released_;
  std::mutex mutex_;
  std::vector<Piece> pieces_;
  std::shared_ptr<PagedMemory> memory_;
  at::Tensor values_;
};

// Kernels, or copies, are about to touch this tensor. Where it lies in DevicePages that were
// released, it is there again, zeros; of guarded ones an Error is thrown with the words of
// explain_guarded(). What lies elsewhere is there always. [any thread, one at a time]
void make_present(const at::Tensor& tensor);

// Bytes of a contiguous tensor of the device that have memory: all of it, but in DevicePages.
int64_t bytes_with_memory(const at::Tensor& tensor);

}  // namespace slipway
