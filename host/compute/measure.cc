// Measuring the machine.
#include "compute/measure.h"

#include <ATen/Version.h>
#include <torch/csrc/api/include/torch/version.h>

#include <algorithm>
#include <chrono>
#include <cstring>

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

// Reads every word; the sum is there so that the compiler must.
uint64_t read_all(const char* data, int64_t bytes) {
  Words sums[4] = {};
  constexpr int64_t kStep = sizeof sums;
  for (int64_t i = 0; i + kStep <= bytes; i += kStep) {
    Words words[4];
    std::memcpy(words, data + i, kStep);
    for (int j = 0; j < 4; ++j) sums[j] += words[j];
  }
  const Words sum = sums[0] + sums[1] + sums[2] + sums[3];
  return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

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
  const int64_t part = static_cast<int64_t>(bytes) / threads / 256 * 256;
  const at::Tensor memory = at::ones({part * threads}, at::kByte);
  std::vector<uint64_t> sums(static_cast<size_t>(threads));
  const auto* data = reinterpret_cast<const char*>(memory.const_data_ptr<uint8_t>());
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
