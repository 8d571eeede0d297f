// Pieces of flat buffers, one a task.
#include "kernels/cpu/flat_kernels.h"

#include <algorithm>
#include <vector>

#include "compute/parallel.h"
#include "kernels/cpu/row_kernels.h"
#include "kernels/cpu/update_kernels.h"

namespace slipway {
namespace {

constexpr int64_t kUpdateGrain = 16384;  // weights: with their state they fill half a core's cache
constexpr int64_t kGrain = 131072;

template <class Body>
void in_pieces(int64_t count, const Body& body) {
  parallel_ranges(count, even_grain(count, kUpdateGrain),
                  [&](int64_t begin, int64_t end) { body(begin, end - begin); });
}
float* part(float* array, int64_t at) { return array == nullptr ? nullptr : array + at; }

}  // namespace

void CpuFlatKernels::adamw(const float* g, int64_t count, const kernels::AdamWStep& step, float* w,
                           float* m, float* v) {
  in_pieces(count, [&](int64_t at, int64_t n) {
    kernels::adamw(g + at, n, step, w + at, m + at, v + at);
  });
}
void CpuFlatKernels::sgd(const float* g, int64_t count, const kernels::SgdStep& step, float* w,
                         float* buffer) {
  in_pieces(count, [&](int64_t at, int64_t n) {
    kernels::sgd(g + at, n, step, w + at, part(buffer, at));
  });
}
void CpuFlatKernels::adagrad(const float* g, int64_t count, const kernels::AdagradStep& step,
                             float* w, float* sum) {
  in_pieces(count,
            [&](int64_t at, int64_t n) { kernels::adagrad(g + at, n, step, w + at, sum + at); });
}
void CpuFlatKernels::rmsprop(const float* g, int64_t count, const kernels::RmspropStep& step,
                             float* w, float* square, float* mean, float* buffer) {
  in_pieces(count, [&](int64_t at, int64_t n) {
    kernels::rmsprop(g + at, n, step, w + at, square + at, part(mean, at), part(buffer, at));
  });
}
void CpuFlatKernels::lion(const float* g, int64_t count, const kernels::LionStep& step, float* w,
                          float* m) {
  in_pieces(count, [&](int64_t at, int64_t n) { kernels::lion(g + at, n, step, w + at, m + at); });
}
void CpuFlatKernels::scale(float* x, int64_t count, float factor) {
  in_pieces(count, [&](int64_t at, int64_t n) { kernels::scale(x + at, n, factor); });
}

double cpu_add_squares(double sum, const float* x, int64_t count) {
  std::vector<double> parts(static_cast<size_t>((count + kGrain - 1) / kGrain));
  parallel_ranges(count, kGrain, [&](int64_t begin, int64_t end) {
    parts[static_cast<size_t>(begin / kGrain)] = kernels::sum_of_squares(x + begin, end - begin);
  });
  for (const double part : parts) sum += part;
  return sum;
}

void cpu_fill(float* x, int64_t count, float value) {
  in_pieces(count, [&](int64_t at, int64_t n) { kernels::fill(x + at, n, value); });
}

void cpu_swap(float* x, float* y, int64_t count) {
  parallel_ranges(count, kGrain, [&](int64_t begin, int64_t end) {
    std::swap_ranges(x + begin, x + end, y + begin);
  });
}

}  // namespace slipway
