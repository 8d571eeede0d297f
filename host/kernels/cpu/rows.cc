// Row kernels over threads.
#include "kernels/cpu/rows.h"

#include <algorithm>

#include "compute/parallel.h"
#include "compute/scratch.h"
#include "kernels/cpu/row_kernels.h"

namespace slipway {
namespace {

constexpr int64_t kParts = 8;

int64_t rows_per_chunk(int64_t width) { return kValuesPerChunk / std::max<int64_t>(1, width) + 1; }

}  // namespace

void rms_norm_rows(const float* x, const float* w, double eps, int64_t rows, int64_t width,
                   float* y, float* inverse_rms) {
  parallel_ranges(rows, rows_per_chunk(width), [&](int64_t begin, int64_t end) {
    kernels::rms_norm(x + begin * width, w, static_cast<float>(eps), end - begin, width,
                      y + begin * width, inverse_rms + begin);
  });
}

void rms_norm_rows_backward(const float* grad_y, const float* x, const float* w,
                            const float* inverse_rms, const float* residual, int64_t rows,
                            int64_t width, float* grad_x, float* grad_w) {
  static thread_local Scratch scratch;
  float* partial = scratch.take(kParts * width);
  std::fill_n(partial, kParts * width, 0.0f);
  const int64_t part = (rows + kParts - 1) / kParts;
  parallel_ranges(
      kParts, rows * width < kValuesPerChunk ? kParts : 1, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
          const int64_t first = std::min(rows, p * part),
                        count = std::min(rows, first + part) - first, at = first * width;
          kernels::rms_norm_backward(grad_y + at, x + at, w, inverse_rms + first,
                                     residual == nullptr ? nullptr : residual + at, count, width,
                                     grad_x + at, partial + p * width);
        }
      });
  for (int64_t p = 0; grad_w != nullptr && p < kParts; ++p)
    for (int64_t i = 0; i < width; ++i) grad_w[i] += partial[p * width + i];
}

void copy_rows(const float* from, int64_t rows, int64_t width, float* to) {
  parallel_ranges(rows, rows_per_chunk(width), [&](int64_t begin, int64_t end) {
    std::copy_n(from + begin * width, (end - begin) * width, to + begin * width);
  });
}

void swiglu_rows(const float* gate_up, int64_t rows, int64_t width, float* out) {
  parallel_ranges(rows, rows_per_chunk(width), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      kernels::swiglu(gate_up + 2 * t * width, gate_up + (2 * t + 1) * width, width,
                      out + t * width);
  });
}

void swiglu_rows_backward(const float* grad, const float* gate_up, int64_t rows, int64_t width,
                          float* d_gate_up, float* out) {
  parallel_ranges(rows, rows_per_chunk(width), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const float *gate = gate_up + 2 * t * width, *up = gate + width;
      float *d_gate = d_gate_up + 2 * t * width, *d_up = d_gate + width;
      kernels::swiglu_backward(grad + t * width, gate, up, width, d_gate, d_up, out + t * width);
    }
  });
}

}  // namespace slipway
