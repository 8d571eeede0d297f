// A checkpoint that is written while training goes on: a thread of its own for each, one at a time.
#pragma once
#include <atomic>
#include <exception>
#include <functional>
#include <optional>
#include <thread>

namespace slipway {

class CheckpointThread {
 public:
  CheckpointThread() = default;
  // Waits for what is being written. What goes wrong with it is a warning: the run is over by
  // another error then, or finish() was forgotten.
  ~CheckpointThread();
  CheckpointThread(const CheckpointThread&) = delete;
  CheckpointThread& operator=(const CheckpointThread&) = delete;

  // Runs write() on the thread, or here where there is no thread to be had; nothing is being
  // written. What write() holds is gone before busy() turns false. Throws Error. [loop]
  void begin(std::function<void()> write);
  // Whether something was begun whose end was not heard by finish(). [loop]
  bool begun() const { return thread_.joinable(); }
  // Whether it is still being written. [loop]
  bool busy() const { return begun() && !done_.load(std::memory_order_acquire); }
  // Waits for it. Throws what went wrong with it. [loop]
  void finish();
  // Seconds that the last one took that finish() has heard of. [loop]
  std::optional<double> seconds() const { return seconds_; }

 private:
  void work(std::function<void()> write);

  std::thread thread_;
  std::atomic<bool> done_{false};
  // the thread's, until it is joined
  std::exception_ptr wrong_;
  double took_ = 0;
  std::optional<double> seconds_;
};

}  // namespace slipway
