// The team. Who is called for a job is as many threads as it has chunks for. A job is open while
// one of its shares has chunks left; whoever comes late finds none, and turns back.
#include "compute/parallel.h"

#include <ATen/Parallel.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace slipway {
namespace {

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
  explicit Team(int64_t threads)
      : seats_(static_cast<size_t>(threads - 1)), shares_(static_cast<size_t>(threads)) {
    for (Seat& seat : seats_) {
      try {
        std::thread([this, &seat, own = static_cast<size_t>(&seat - seats_.data() + 1)] {
          pthread_setname_np(pthread_self(), ("slipway-" + std::to_string(own)).c_str());
          serve(seat, own);
        }).detach();  // lives as long as the process: joining at exit would have to outwait static
                      // destructors
      } catch (const std::system_error& e) {
        log_warn("computing on {} threads instead of {}: {}", served_ + 1, threads, e.what());
        return;  // whoever is there takes the chunks
      }
      ++served_;
    }
  }

  // `threads`: the most that shall take part, the caller among them.
  void run(int64_t chunks, int64_t threads, const detail::ChunkBody& body) {
    const int64_t called = std::min({served_, chunks - 1, threads - 1}),
                  shares = body.in_order ? 1 : called + 1;
    body_ = body;
    failure_ = nullptr;
    for (int64_t i = 0; i < shares; ++i) {
      Share& share = shares_[static_cast<size_t>(i)];
      share.end = (i + 1) * chunks / shares;
      share.left.store(share.end - i * chunks / shares);
    }
    for (int64_t i = 0; i < called; ++i) call(seats_[static_cast<size_t>(i)]);
    work(0);
    for (int spins = 0; inside_.load() != 0; ++spins) {
      if (spins < kSpins) rest();
      else std::this_thread::yield();
    }
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  // Where a thread waits to be called: no two share a cache line, so who is not called sees
  // nothing.
  struct alignas(64) Seat {
    std::atomic<uint32_t> calls{0};
    std::atomic<bool> asleep{false};
  };

  // Chunks that a thread begins with: the last `left` before `end`, which is written while none
  // are left and nobody is inside.
  struct alignas(64) Share {
    std::atomic<int64_t> left{0};
    int64_t end = 0;
  };

  static void call(Seat& seat) {
    seat.calls.fetch_add(1);
    if (seat.asleep.load()) seat.calls.notify_one();
  }

  void serve(Seat& seat, size_t own) {
    for (uint32_t seen = 0;;) {
      for (int spins = 0; seat.calls.load(std::memory_order_relaxed) == seen && spins < kSpins;
           ++spins)
        rest();
      seat.asleep.store(true);
      seat.calls.wait(seen);
      seat.asleep.store(false);
      seen = seat.calls.load();
      inside_.fetch_add(1);
      work(own);
      inside_.fetch_sub(1);
    }
  }

  // Its own share first, then what others have left.
  void work(size_t own) {
    in_chunk = true;
    for (size_t i = 0; i < shares_.size(); ++i) take(shares_[(own + i) % shares_.size()]);
    in_chunk = false;
  }

  void take(Share& share) {
    while (share.left.load() > 0) {
      const int64_t left = share.left.fetch_sub(1);
      if (left <= 0) return;
      try {
        body_.call(body_.object, share.end - left);
      } catch (...) {
        const std::lock_guard lock(failure_mutex_);
        if (!failure_) failure_ = std::current_exception();
      }
    }
  }

  std::vector<Seat> seats_;
  int64_t served_ = 0;  // seats that have a thread
  std::vector<Share> shares_;
  alignas(64) std::atomic<int64_t> inside_{0};
  // Written while no job is open and nobody is inside.
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
  team->run(chunks, parallel_threads(), body);
}

}  // namespace slipway
