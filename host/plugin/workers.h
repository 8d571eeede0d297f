// A few threads that plugins share instead of starting their own.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace slipway {

class Workers {
 public:
  // `threads` beside the caller, who works too; 0 is legal.
  explicit Workers(unsigned threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Calls task(i) once for each i < n, in no order, and returns when all have ended. After a task
  // throws no further one starts, and the first exception is thrown again here. One run at a time,
  // later callers wait. Not from inside a task.
  void run(uint64_t n, const std::function<void(uint64_t)>& task);

  static bool inside_task();  // of any Workers, on this thread
  // The process's own: made at first use, one thread for each core beside the caller's, seven at
  // most; never destroyed.
  static Workers& shared();

 private:
  struct Job {
    uint64_t n = 0, chunk = 1;
    const std::function<void(uint64_t)>* task = nullptr;
    std::atomic<uint64_t> next{0};
    std::atomic<bool> failed{false};
    std::exception_ptr error;
    std::mutex error_mutex;
  };
  void work(Job& job);
  void serve();

  std::mutex turn_;  // held for a whole run
  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  Job* job_ = nullptr;
  uint64_t job_number_ = 0;
  unsigned working_ = 0;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace slipway
