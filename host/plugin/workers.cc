// The shared threads.
#include "plugin/workers.h"

#include <algorithm>

#include "base/trace.h"

namespace slipway {
namespace {

thread_local bool in_task = false;

}  // namespace

bool Workers::inside_task() { return in_task; }

Workers& Workers::shared() {
  // Never destroyed: a plugin may still ask while the process is ending.
  static Workers* const kShared =
      new Workers(std::clamp(std::thread::hardware_concurrency(), 1u, 8u) - 1);
  return *kShared;
}

Workers::Workers(unsigned threads) {
  for (unsigned t = 0; t < threads; ++t) threads_.emplace_back([this] { serve(); });
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::run(uint64_t n, const std::function<void(uint64_t)>& task) {
  const std::lock_guard turn(turn_);
  Job job;
  job.n = n;
  job.task = &task;
  job.chunk = std::max<uint64_t>(1, n / ((threads_.size() + 1) * 8));
  if (n > job.chunk) {  // a single chunk is not worth waking anyone
    {
      const std::lock_guard lock(mutex_);
      job_ = &job;
      ++job_number_;
    }
    wake_.notify_all();
  }
  work(job);
  {
    std::unique_lock lock(mutex_);
    job_ = nullptr;
    idle_.wait(lock, [&] { return working_ == 0; });
  }
  if (job.error) std::rethrow_exception(job.error);
}

void Workers::work(Job& job) {
  in_task = true;
  while (!job.failed.load(std::memory_order_relaxed)) {
    const uint64_t first = job.next.fetch_add(job.chunk, std::memory_order_relaxed);
    if (first >= job.n) break;
    try {
      const uint64_t end = std::min(job.n, first + job.chunk);
      for (uint64_t i = first; i < end && !job.failed.load(std::memory_order_relaxed); ++i)
        (*job.task)(i);
    } catch (...) {
      const std::lock_guard lock(job.error_mutex);
      if (!job.error) job.error = std::current_exception();
      job.failed.store(true, std::memory_order_relaxed);
    }
  }
  in_task = false;
}

void Workers::serve() {
  trace_thread_name("plugin worker");
  uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return ending_ || (job_ != nullptr && job_number_ != seen); });
    if (ending_) return;
    seen = job_number_;
    Job& job = *job_;
    ++working_;
    lock.unlock();
    work(job);
    lock.lock();
    if (--working_ == 0) idle_.notify_all();
  }
}

}  // namespace slipway
