// The team. A job is open while `next_` counts its chunks; closed, it stands at kClosed, and
// whoever comes late turns back.
#include "compute/parallel.h"

#include <ATen/Parallel.h>
#include <pthread.h>

#include <atomic>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/log.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace slipway {
namespace {

constexpr int64_t kClosed = int64_t{1} << 60;
// About 100 microseconds: longer than what lies between two pieces of a step, shorter than anybody
// would notice.
constexpr int kSpins = 3000;

thread_local bool in_chunk = false;

void rest() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

class Team {
 public:
  explicit Team(int64_t threads) {
    for (int64_t i = 1; i < threads; ++i) {
      try {
        std::thread([this, i] {
          pthread_setname_np(pthread_self(), ("slipway-" + std::to_string(i)).c_str());
          serve();
        }).detach();  // lives as long as the process: joining at exit would have to outwait static
                      // destructors
      } catch (const std::system_error& e) {
        log_warn("computing on {} threads instead of {}: {}", i, threads, e.what());
        return;  // whoever is there takes the chunks
      }
    }
  }

  void run(int64_t chunks, const detail::ChunkBody& body) {
    chunks_ = chunks;
    body_ = body;
    failure_ = nullptr;
    next_.store(0);
    epoch_.fetch_add(1);
    epoch_.notify_all();
    work();
    next_.store(kClosed);
    for (int spins = 0; inside_.load() != 0; ++spins) {
      if (spins < kSpins) rest();
      else std::this_thread::yield();
    }
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  void serve() {
    for (uint32_t seen = 0;;) {
      for (int spins = 0; epoch_.load(std::memory_order_relaxed) == seen && spins < kSpins; ++spins)
        rest();
      epoch_.wait(seen);
      seen = epoch_.load();
      inside_.fetch_add(1);
      work();
      inside_.fetch_sub(1);
    }
  }

  void work() {
    in_chunk = true;
    for (;;) {
      const int64_t chunk = next_.fetch_add(1);
      if (chunk >= kClosed || chunk >= chunks_) break;
      try {
        body_.call(body_.object, chunk);
      } catch (...) {
        const std::lock_guard lock(failure_mutex_);
        if (!failure_) failure_ = std::current_exception();
      }
    }
    in_chunk = false;
  }

  alignas(64) std::atomic<uint32_t> epoch_{0};
  alignas(64) std::atomic<int64_t> next_{kClosed};
  alignas(64) std::atomic<int64_t> inside_{0};
  // Written while the job is closed and nobody is inside.
  int64_t chunks_ = 0;
  detail::ChunkBody body_{};
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
};

}  // namespace

int64_t parallel_threads() { return at::get_num_threads(); }

void detail::run_chunks(int64_t chunks, ChunkBody body) {
  static std::mutex busy;
  const auto alone = [&] {
    for (int64_t chunk = 0; chunk < chunks; ++chunk) body.call(body.object, chunk);
  };
  if (chunks <= 1 || in_chunk || parallel_threads() == 1) return alone();
  const std::unique_lock lock(busy, std::try_to_lock);
  if (!lock) return alone();
  static auto* const team = new Team(parallel_threads());
  team->run(chunks, body);
}

}  // namespace slipway
