// The team: every chunk once, exceptions, nesting, several callers.
#include "device/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "device/measure.h"

namespace slipway {
namespace {

TEST(Parallel, EveryChunkOnce) {
  for (const int64_t chunks : {0, 1, 2, 3, 17, 1000}) {
    std::vector<std::atomic<int>> seen(static_cast<size_t>(chunks));
    for (int round = 0; round < 200; ++round) parallel_chunks(chunks, [&](int64_t chunk) { ++seen[static_cast<size_t>(chunk)]; });
    for (const auto& count : seen) ASSERT_EQ(count, 200);
  }
}

TEST(Parallel, RangesCoverAll) {
  std::vector<int> seen(1003, 0);
  parallel_ranges(1003, 10, [&](int64_t begin, int64_t end) {
    EXPECT_LE(end - begin, 10);
    for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
  });
  EXPECT_EQ(seen, std::vector<int>(1003, 1));
}

TEST(Parallel, AnExceptionArrivesAndTheTeamGoesOn) {
  for (int round = 0; round < 50; ++round)
    EXPECT_THROW(parallel_chunks(20, [](int64_t chunk) {
                   if (chunk == 7) throw std::runtime_error("seven");
                 }),
                 std::runtime_error);
  std::atomic<int64_t> sum = 0;
  parallel_chunks(100, [&](int64_t chunk) { sum += chunk; });
  EXPECT_EQ(sum, 4950);
}

TEST(Parallel, NestedAndConcurrentCallsDoTheirWork) {
  std::atomic<int64_t> sum = 0;
  parallel_chunks(8, [&](int64_t) { parallel_chunks(10, [&](int64_t chunk) { sum += chunk; }); });
  EXPECT_EQ(sum, 8 * 45);
  sum = 0;
  const auto caller = [&] {
    for (int round = 0; round < 500; ++round) parallel_chunks(6, [&](int64_t chunk) { sum += chunk; });
  };
  std::thread other(caller);
  caller();
  other.join();
  EXPECT_EQ(sum, 2 * 500 * 15);
}

// In a process of its own: the team is made once, by the first who needs it.
TEST(ParallelDeathTest, MoreThreadsThanCores) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto many = [] {
    const ThreadCountScope threads(13);
    if (parallel_threads() != 13) return 2;
    std::mutex mutex;
    std::set<std::thread::id> workers;
    for (int round = 0; round < 300; ++round) {
      std::vector<std::atomic<int>> seen(40);
      parallel_chunks(40, [&](int64_t chunk) {
        ++seen[static_cast<size_t>(chunk)];
        std::this_thread::yield();
        const std::lock_guard lock(mutex);
        workers.insert(std::this_thread::get_id());
      });
      for (const auto& count : seen)
        if (count != 1) return 3;
    }
    std::fprintf(stderr, "%zu threads worked\n", workers.size());
    return workers.size() > 2 && workers.size() <= 13 ? 0 : 4;
  };
  EXPECT_EXIT(std::_Exit(many()), testing::ExitedWithCode(0), "threads worked");
}

}  // namespace
}  // namespace slipway
