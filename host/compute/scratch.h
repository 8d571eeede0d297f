// Memory that a thread uses again and again: grows to the largest request and stays.
#pragma once
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace slipway {

// Make it `static thread_local`: one owner, one thread. What take() gave is lost by the next
// take().
class Scratch {
 public:
  // At least `floats` floats of unspecified content, aligned to 64 bytes. Throws std::bad_alloc.
  float* take(int64_t floats) {
    if (floats > size_) {
      release();
      memory_.reset(static_cast<float*>(
          std::aligned_alloc(64, (static_cast<size_t>(floats) * sizeof(float) + 63) / 64 * 64)));
      if (!memory_) throw std::bad_alloc();
      size_ = floats;
      held_bytes += bytes();
    }
    return memory_.get();
  }

  Scratch() = default;
  ~Scratch() { release(); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // Of all of them, in all threads.
  static inline std::atomic<int64_t> held_bytes = 0;

 private:
  int64_t bytes() const { return size_ * static_cast<int64_t>(sizeof(float)); }
  void release() {
    held_bytes -= bytes();
    memory_.reset();
    size_ = 0;
  }
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float, Free> memory_;
  int64_t size_ = 0;
};

}  // namespace slipway
