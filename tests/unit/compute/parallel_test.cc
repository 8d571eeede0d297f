// The team: every chunk once, exceptions, nesting, several callers.
#include "compute/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <latch>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "compute/measure.h"

namespace slipway {
namespace {

TEST(Parallel, EveryChunkOnce) {
  for (const int64_t chunks : {0, 1, 2, 3, 17, 1000}) {
    std::vector<std::atomic<int>> seen(static_cast<size_t>(chunks));
    for (int round = 0; round < 200; ++round)
      parallel_chunks(chunks, [&](int64_t chunk) { ++seen[static_cast<size_t>(chunk)]; });
    for (const auto& count : seen) ASSERT_EQ(count, 200);
    for (int round = 0; round < 200; ++round)
      parallel_in_order(chunks, [&](int64_t chunk) { ++seen[static_cast<size_t>(chunk)]; });
    for (const auto& count : seen) ASSERT_EQ(count, 400);
  }
}

TEST(Parallel, AnEvenGrainGivesEveryThreadAsMany) {
  const int64_t threads = parallel_threads();
  EXPECT_EQ(even_grain(10, 10), 10);
  for (const int64_t count : {11, 257, 100'000}) {
    const int64_t grain = even_grain(count, 10), ranges = (count + grain - 1) / grain;
    EXPECT_LE(grain, 10);
    EXPECT_GE(ranges, std::min(count, threads));
  }
  EXPECT_EQ(even_grain(1000 * threads, 900), 500);
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
    EXPECT_THROW(parallel_chunks(20,
                                 [](int64_t chunk) {
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
    for (int round = 0; round < 500; ++round)
      parallel_chunks(6, [&](int64_t chunk) { sum += chunk; });
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
    constexpr int kThreads = 13;
    const ThreadCountScope threads(kThreads);
    if (parallel_threads() != kThreads) return 2;
    for (int round = 0; round < 20; ++round) {
      std::latch all(kThreads);  // a chunk ends when every thread has one
      std::vector<std::atomic<int>> seen(kThreads);
      parallel_chunks(kThreads, [&](int64_t chunk) {
        ++seen[static_cast<size_t>(chunk)];
        all.arrive_and_wait();
      });
      for (const auto& count : seen)
        if (count != 1) return 3;
      std::atomic<int64_t> sum = 0;
      parallel_chunks(1000, [&](int64_t chunk) { sum += chunk; });
      if (sum != 499500) return 4;
    }
    std::fputs("all threads worked\n", stderr);
    return 0;
  };
  EXPECT_EXIT(std::_Exit(many()), testing::ExitedWithCode(0), "all threads worked");
}

// Who has a chunk waits for the others here, so nobody is left to take another's.
TEST(ParallelDeathTest, AThreadBeginsWithTheSameShare) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto same = [] {
    constexpr int kThreads = 5;
    const ThreadCountScope threads(kThreads);
    std::vector<std::thread::id> first(kThreads);
    for (int round = 0; round < 50; ++round) {
      std::latch all(kThreads);
      std::vector<std::thread::id> now(kThreads);
      parallel_chunks(kThreads, [&](int64_t chunk) {
        now[static_cast<size_t>(chunk)] = std::this_thread::get_id();
        all.arrive_and_wait();
      });
      if (round == 0) first = now;
      if (now != first || now[0] != std::this_thread::get_id()) return 2;
    }
    std::fputs("each its own\n", stderr);
    return 0;
  };
  EXPECT_EXIT(std::_Exit(same()), testing::ExitedWithCode(0), "each its own");
}

TEST(ParallelDeathTest, NoMoreThreadsThanThereAreChunks) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto few = [] {
    constexpr int kThreads = 13;
    const ThreadCountScope threads(kThreads);
    std::latch everyone(kThreads);
    parallel_chunks(kThreads, [&](int64_t) { everyone.arrive_and_wait(); });
    const auto taking_part = [](int64_t chunks) {
      std::set<std::thread::id> out;
      std::mutex mutex;
      for (int round = 0; round < 100; ++round) {
        std::latch all(chunks);
        parallel_chunks(chunks, [&](int64_t) {
          all.arrive_and_wait();
          const std::lock_guard lock(mutex);
          out.insert(std::this_thread::get_id());
        });
      }
      return out.size();
    };
    if (taking_part(2) != 2 || taking_part(5) != 5) return 2;
    const ThreadCountScope three(3);  // of a team of 13
    std::set<std::thread::id> seen;
    std::mutex mutex;
    for (int round = 0; round < 100; ++round)
      parallel_chunks(50, [&](int64_t) {
        const std::lock_guard lock(mutex);
        seen.insert(std::this_thread::get_id());
      });
    if (seen.size() > 3) return 3;
    std::fputs("only those who were wanted\n", stderr);
    return 0;
  };
  EXPECT_EXIT(std::_Exit(few()), testing::ExitedWithCode(0), "only those who were wanted");
}

}  // namespace
}  // namespace slipway
