// The shared threads: everything runs once, errors stop early, nesting is refused.
#include "plugin/workers.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>

namespace slipway {
namespace {

TEST(Workers, EachIndexRunsOnce) {
  for (const unsigned threads : {0u, 1u, 3u}) {
    Workers workers(threads);
    for (const uint64_t n : {0, 1, 2, 7, 1000, 100003}) {
      const auto counts = std::make_unique<std::atomic<int>[]>(n + 1);
      workers.run(n, [&](uint64_t i) { ++counts[i]; });
      for (uint64_t i = 0; i < n; ++i)
        ASSERT_EQ(counts[i], 1) << i << " of " << n << ", " << threads << " threads";
      ASSERT_EQ(counts[n], 0);
    }
  }
}

TEST(Workers, FirstErrorStopsTheRest) {
  Workers workers(2);
  std::atomic<uint64_t> ran{0};
  try {
    workers.run(1'000'000, [&](uint64_t) {
      if (++ran == 10) throw std::runtime_error("tenth");
      // all of it would take seconds, however late the throw
      std::this_thread::sleep_for(std::chrono::microseconds(10));
    });
    FAIL() << "the exception was lost";
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "tenth");
  }
  EXPECT_LT(ran, 1'000'000u);
  workers.run(100, [&](uint64_t) { ++ran; });  // and the threads are fit for the next
}

TEST(Workers, SeveralCallersTakeTurns) {
  Workers workers(2);
  std::atomic<uint64_t> sum{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) workers.run(100, [&](uint64_t i) { sum += i; });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum, 4u * 50u * 4950u);
}

TEST(Workers, TasksKnowThatTheyAreTasks) {
  EXPECT_FALSE(Workers::inside_task());
  std::atomic<int> inside{0};
  Workers(1).run(8, [&](uint64_t) { inside += Workers::inside_task(); });
  EXPECT_EQ(inside, 8);
  EXPECT_FALSE(Workers::inside_task());
}

}  // namespace
}  // namespace slipway
