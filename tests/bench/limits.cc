// What this machine can do at best, for the benchmark to compare with: single-precision products
// and reading memory.
//
// usage: slipway_bench_limits [SECONDS]     (time for each figure; default 1)
//
// Prints one JSON object. "square": GFLOP/s of a 1024-cubed product with one and with all threads.
// "rows": for each count of rows, the products of SmolLM2-135M (weights [n, k], each as often as
// the model has it), GFLOP/s over all of them; "best" runs each shape again and again on weights
// that stay in the cache, "streamed" goes through the whole model's weights in memory.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <vector>

#include "base/json.h"

namespace slipway {
namespace {

struct Shape {
  int64_t n, k, count;
};
// SmolLM2-135M: fused query, key and value; attention's output; gate and up; down; the head.
constexpr Shape kModel[] = {
    {960, 576, 30}, {576, 576, 30}, {1536, 576, 60}, {576, 1536, 30}, {49152, 576, 1}};

double g_seconds = 1;

template <class Body>
double best_seconds(double budget, const Body& body) {
  using Clock = std::chrono::steady_clock;
  double best = std::numeric_limits<double>::infinity();
  body();
  const Clock::time_point end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                   std::chrono::duration<double>(budget));
  do {
    const Clock::time_point begin = Clock::now();
    body();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - begin).count());
  } while (Clock::now() < end);
  return best;
}

double square_gflops() {
  constexpr int64_t n = 1024;
  const at::Tensor a = at::rand({n, n}), b = at::rand({n, n});
  at::Tensor out = at::empty({n, n});
  return 2e-9 * n * n * n / best_seconds(g_seconds, [&] { at::mm_out(out, a, b); });
}

double flop_of(int64_t rows) {
  double flop = 0;
  for (const Shape& s : kModel) flop += 2.0 * static_cast<double>(rows * s.n * s.k * s.count);
  return flop;
}

double cached_gflops(int64_t rows) {
  double seconds = 0;
  for (const Shape& s : kModel) {
    const at::Tensor x = at::rand({rows, s.k}), w = at::rand({s.n, s.k});
    at::Tensor out = at::empty({rows, s.n});
    seconds += static_cast<double>(s.count) *
               best_seconds(g_seconds / 4, [&] { at::mm_out(out, x, w.t()); });
  }
  return 1e-9 * flop_of(rows) / seconds;
}

double streamed_gflops(int64_t rows) {
  std::vector<at::Tensor> weights, inputs, outputs;
  for (const Shape& s : kModel)
    for (int64_t i = 0; i < s.count; ++i) {
      weights.push_back(at::full({s.n, s.k}, 0.5));
      inputs.push_back(at::full({rows, s.k}, 0.5));
      outputs.push_back(at::empty({rows, s.n}));
    }
  const double seconds = best_seconds(2 * g_seconds, [&] {
    for (size_t i = 0; i < weights.size(); ++i) at::mm_out(outputs[i], inputs[i], weights[i].t());
  });
  return 1e-9 * flop_of(rows) / seconds;
}

double read_gigabytes() {
  constexpr int64_t count = 64 << 20;  // floats: 256 MiB
  const at::Tensor data = at::ones({count});
  const float* values = data.const_data_ptr<float>();
  const double seconds = best_seconds(2 * g_seconds, [&] {
    const float sum = at::parallel_reduce(
        0, count, count / at::get_num_threads(), 0.0f,
        [&](int64_t begin, int64_t end, float) {
          float lanes[32] = {};  // enough independent sums to keep the loads coming
          for (int64_t i = begin; i + 32 <= end; i += 32)
            for (int64_t lane = 0; lane < 32; ++lane) lanes[lane] += values[i + lane];
          return std::accumulate(std::begin(lanes), std::end(lanes), 0.0f);
        },
        std::plus<float>());
    volatile float sink = sum;  // somebody reads it, for all that the compiler knows
    (void)sink;
  });
  return 1e-9 * sizeof(float) * static_cast<double>(count) / seconds;
}

Json measure() {
  const c10::InferenceMode inference;
  const int threads = at::get_num_threads();
  Json out;
  out["threads"] = threads;
  at::set_num_threads(1);
  out["square"]["1"] = square_gflops();
  at::set_num_threads(threads);
  out["square"][std::to_string(threads)] = square_gflops();
  for (const int64_t rows : {8, 32, 128, 1024})
    out["rows"][std::to_string(rows)] = {{"best", cached_gflops(rows)},
                                         {"streamed", streamed_gflops(rows)}};
  out["read_gb_s"] = read_gigabytes();
  return out;
}

}  // namespace
}  // namespace slipway

int main(int argc, char** argv) {
  if (argc > 1) slipway::g_seconds = std::atof(argv[1]);
  std::puts(slipway::measure().dump().c_str());
}
