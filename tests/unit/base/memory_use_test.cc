// What stages of a run add to the memory held.
#include "base/memory_use.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <new>
#include <vector>

namespace slipway {
namespace {

constexpr int64_t kMiB = 1 << 20;

// Memory straight from the system: what other tests have freed and the allocator has kept does not
// serve here.
class Held {
 public:
  explicit Held(int64_t bytes)
      : size_(static_cast<size_t>(bytes)),
        data_(::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (data_ == MAP_FAILED) throw std::bad_alloc();
    std::memset(data_, 1, size_);
  }
  ~Held() { ::munmap(data_, size_); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  size_t size_;
  void* data_;
};

std::vector<std::string> keys(const Json& json) {
  std::vector<std::string> out;
  for (const auto& [name, value] : json.items()) out.push_back(name);
  return out;
}

TEST(MemoryMetrics, TellWhatIsKeptAndWhatWasHeldInBetween) {
  MemoryMetrics metrics(true);
  metrics.begin("init");
  const Held model(64 * kMiB);
  EXPECT_EQ(metrics.end("init"), Json::object());
  metrics.begin("train");
  const Held kept(32 * kMiB);
  {
    const Held passing(128 * kMiB);
  }
  metrics.begin("eval");  // within training: not measured
  EXPECT_EQ(metrics.end("eval"), Json::object());
  const Json row = metrics.end("train");
  EXPECT_THAT(keys(row),
              testing::ElementsAre("init_mem_cpu_alloc_delta", "init_mem_cpu_peaked_delta",
                                   "train_mem_cpu_alloc_delta", "train_mem_cpu_peaked_delta",
                                   "before_init_mem_cpu"));
  const auto mib = [&](const char* name) {
    return static_cast<double>(row[name].get<int64_t>()) / kMiB;
  };
  EXPECT_NEAR(mib("init_mem_cpu_alloc_delta"), 64, 4);
  EXPECT_NEAR(mib("train_mem_cpu_alloc_delta"), 32, 4);
  EXPECT_NEAR(mib("train_mem_cpu_peaked_delta"), 128, 8);
  EXPECT_GT(mib("before_init_mem_cpu"), 0);
  metrics.begin("train");
  EXPECT_THAT(keys(metrics.end("train")),
              testing::ElementsAre("train_mem_cpu_alloc_delta", "train_mem_cpu_peaked_delta"));
}

TEST(MemoryMetrics, SayNothingWhenTheyAreOff) {
  MemoryMetrics metrics(false);
  metrics.begin("train");
  EXPECT_EQ(metrics.end("train"), Json::object());
}

TEST(MemoryMetrics, TheKernelLetsThePeakBeginAnew) {
  {
    const Held passing(64 * kMiB);
  }
  ASSERT_GT(resident_memory().now, 0);
  const ResidentMemory before = resident_memory();
  const bool ours = reset_peak_memory();
  const ResidentMemory after = resident_memory();
  if (ours) {
    EXPECT_LT(after.peak - after.now, 8 * kMiB);
  } else {  // a kernel that does not
    EXPECT_GE(after.peak, before.peak);
  }
}

}  // namespace
}  // namespace slipway
