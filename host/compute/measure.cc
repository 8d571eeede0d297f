// Measuring the machine.
#include "compute/measure.h"

#include <ATen/Version.h>
#include <sys/mman.h>
#include <torch/csrc/api/include/torch/version.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>

#include "compute/instruction_sets.h"

namespace slipway {

double quickest(double seconds, const std::function<void()>& work) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  work();  // threads awake, pages there
  double best = 1e30;
  const Clock::time_point begin = Clock::now();
  for (int tries = 0; tries < 2 || since(begin) < seconds; ++tries) {
    const Clock::time_point one = Clock::now();
    work();
    best = std::min(best, since(one));
  }
  return best;
}

namespace {

using Words = uint64_t __attribute__((vector_size(64)));

// The places that are read at the same time lie so many lines and a multiple of kSets apart: in one
// set of a cache they would drive each other out.
constexpr int64_t kStreams = 8, kLine = sizeof(Words), kSets = 64, kApart = 21;

// Reads every line of `bytes`, a multiple of kStreams * kLine, from several places at once and
// ahead: more is under way at a time than one place's own prefetching has. The sum is there so that
// the compiler must.
SLIPWAY_CLONES uint64_t read_all(const char* data, int64_t bytes) {
  constexpr int64_t kAhead = 8 * kLine;
  const int64_t part = bytes / kStreams;
  Words sums[kStreams] = {};
  for (int64_t i = 0; i < part; i += kLine)
    for (int64_t j = 0; j < kStreams; ++j) {
      Words words;
      std::memcpy(&words, data + j * part + i, kLine);
      __builtin_prefetch(data + j * part + i + kAhead);
      sums[j] += words;
    }
  Words sum = {};
  for (const Words& each : sums) sum += each;
  return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

// Memory full of ones, in large pages where the system has them: looking up small ones takes time.
class LargePages {
 public:
  explicit LargePages(size_t bytes)
      : memory_(std::aligned_alloc(kPage, (bytes + kPage - 1) / kPage * kPage)) {
    if (memory_ == nullptr) throw std::bad_alloc();
    ::madvise(memory_, bytes, MADV_HUGEPAGE);  // a wish
    std::memset(memory_, 1, bytes);
  }
  ~LargePages() { std::free(memory_); }
  LargePages(const LargePages&) = delete;
  LargePages& operator=(const LargePages&) = delete;
  const char* data() const { return static_cast<const char*>(memory_); }

 private:
  static constexpr size_t kPage = size_t{2} << 20;
  void* memory_;
};

}  // namespace

double measure_sgemm(int64_t m, int64_t n, int64_t k, double seconds) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = at::ones({m, k}), w = at::ones({n, k}), w_t = w.t();
  at::Tensor y = at::empty({m, n});
  const double flops = 2 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  // Small products by the dozen: the clock's own cost would show.
  const int repeats = std::clamp(static_cast<int>(2e7 / flops), 1, 1000);
  return repeats * flops / quickest(seconds, [&] {
           for (int i = 0; i < repeats; ++i) at::mm_out(y, x, w_t);
         });
}

double measure_read(size_t bytes, double seconds) {
  const int threads = thread_count();
  constexpr int64_t kWhole = kStreams * kLine;
  const int64_t lines = static_cast<int64_t>(bytes) / threads / kWhole / kSets * kSets + kApart,
                part = lines * kWhole;
  const LargePages memory(static_cast<size_t>(part * threads));
  std::vector<uint64_t> sums(static_cast<size_t>(threads));
  const char* const data = memory.data();
  const double took = quickest(seconds, [&] {
    at::parallel_for(0, threads, 1, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t)
        sums[static_cast<size_t>(t)] += read_all(data + t * part, part);
    });
  });
  return static_cast<double>(part * threads) / took;
}

int thread_count() { return at::get_num_threads(); }

ThreadCountScope::ThreadCountScope(int threads) : before_(thread_count()) {
  at::set_num_threads(threads);
}
ThreadCountScope::~ThreadCountScope() { at::set_num_threads(before_); }

std::string torch_version() { return TORCH_VERSION; }
std::string torch_kernels() { return at::get_cpu_capability(); }
std::string torch_build() { return at::show_config(); }

}  // namespace slipway
