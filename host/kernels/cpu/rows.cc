// Row kernels over threads.
#include "kernels/cpu/rows.h"

#include <algorithm>

#include "base/error.h"
#include "compute/parallel.h"
#include "compute/scratch.h"
#include "kernels/cpu/row_kernels.h"

namespace slipway {
namespace {

// Parts of the rows whose gradients of w are summed by themselves: by the number of rows alone.
int64_t norm_parts(int64_t rows) { return std::clamp<int64_t>(rows / 128, 8, 64); }

void require_tokens(const int64_t* ids, int64_t tokens, int64_t vocab) {
  for (int64_t t = 0; t < tokens; ++t)
    if (ids[t] < 0 || ids[t] >= vocab)
      fail("token {} is not in the vocabulary of {}", ids[t], vocab);
}

// body(the pointer of its own type).
template <class Body>
void with_type(Values values, const Body& body) {
  if (values.bfloats != nullptr) body(values.bfloats);
  else body(values.floats);
}
const float* of_type(ConstValues values, const float*) { return values.floats; }
const uint16_t* of_type(ConstValues values, const uint16_t*) { return values.bfloats; }
float* of_type(Values values, const float*) { return values.floats; }
uint16_t* of_type(Values values, const uint16_t*) { return values.bfloats; }

int64_t rows_per_chunk(int64_t width) { return kValuesPerChunk / std::max<int64_t>(1, width) + 1; }

}  // namespace

void embedding_rows(const float* w, int64_t vocab, const int64_t* ids, int64_t tokens,
                    int64_t width, float* out) {
  require_tokens(ids, tokens, vocab);
  parallel_ranges(tokens, rows_per_chunk(width), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) std::copy_n(w + ids[t] * width, width, out + t * width);
  });
}

// Cut by columns, as many for a thread as there are: each element's sum grows in the order of
// tokens.
void embedding_rows_backward(const float* dy, const int64_t* ids, int64_t tokens, int64_t vocab,
                             int64_t width, float* dw) {
  require_tokens(ids, tokens, vocab);
  const int64_t least = std::max<int64_t>(64, kValuesPerChunk / std::max<int64_t>(1, tokens)),
                each = (width / parallel_threads() + 15) / 16 * 16;
  parallel_ranges(width, std::max(least, each), [&](int64_t begin, int64_t end) {
    for (int64_t t = 0; t < tokens; ++t)
      kernels::add(dy + t * width + begin, end - begin, dw + ids[t] * width + begin);
  });
}

void rms_norm_rows(const float* x, const float* w, float eps, int64_t rows, int64_t width, Values y,
                   float* inverse_rms) {
  parallel_ranges(rows, rows_per_chunk(width), [&](int64_t begin, int64_t end) {
    with_type(y + begin * width, [&](auto* to) {
      kernels::rms_norm(x + begin * width, w, eps, end - begin, width, to, inverse_rms + begin);
    });
  });
}

void rms_norm_rows_backward(const float* grad_y, const float* x, const float* w,
                            const float* inverse_rms, const float* residual, int64_t rows,
                            int64_t width, float* grad_x, float* grad_w) {
  static thread_local Scratch scratch;
  const int64_t parts = norm_parts(rows), part = (rows + parts - 1) / parts;
  float* partial = scratch.take(parts * width);
  std::fill_n(partial, parts * width, 0.0f);
  parallel_ranges(
      parts, rows * width < kValuesPerChunk ? parts : 1, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
          const int64_t first = std::min(rows, p * part),
                        count = std::min(rows, first + part) - first, at = first * width;
          kernels::rms_norm_backward(grad_y + at, x + at, w, inverse_rms + first,
                                     residual == nullptr ? nullptr : residual + at, count, width,
                                     grad_x + at, partial + p * width);
        }
      });
  if (grad_w == nullptr) return;
  parallel_ranges(width, kValuesPerTask / parts, [&](int64_t begin, int64_t end) {
    for (int64_t p = 0; p < parts; ++p)
      for (int64_t i = begin; i < end; ++i) grad_w[i] += partial[p * width + i];
  });
}

void rotate_rows(const float* x, int64_t x_row, const int64_t* positions,
                 const RotaryAngles& angles, float sign, int64_t rows, int64_t heads, float* y,
                 int64_t y_row) {
  const int64_t half = angles.half;
  parallel_ranges(rows, kValuesPerChunk / (2 * heads * half) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      kernels::rope(x + t * x_row, angles.cos + positions[t] * half,
                    angles.sin + positions[t] * half, sign, heads, half, y + t * y_row);
  });
}

void swiglu_rows(ConstValues gate, ConstValues up, int64_t in_row, int64_t rows, int64_t width,
                 Values out) {
  with_type(out, [&](auto* to) {
    const auto *g = of_type(gate, to), *u = of_type(up, to);
    parallel_ranges(rows, rows_per_chunk(width), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t)
        kernels::swiglu(g + t * in_row, u + t * in_row, width, to + t * width);
    });
  });
}

void swiglu_rows_backward(const float* grad, ConstValues gate, ConstValues up, int64_t in_row,
                          int64_t rows, int64_t width, Values d_gate, Values d_up, Values out) {
  with_type(d_gate, [&](auto* dg) {
    const auto *g = of_type(gate, dg), *u = of_type(up, dg);
    auto *du = of_type(d_up, dg), *again = of_type(out, dg);
    parallel_ranges(rows, rows_per_chunk(width), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t)
        kernels::swiglu_backward(grad + t * width, g + t * in_row, u + t * in_row, width,
                                 dg + t * in_row, du + t * in_row,
                                 again == nullptr ? nullptr : again + t * width);
    });
  });
}

void token_logprob_rows(const float* logits, const int64_t* targets, int64_t rows, int64_t width,
                        float coefficient, float smoothing, float* out, float* grad) {
  const float c = coefficient, e = smoothing;
  parallel_ranges(rows, rows_per_chunk(width), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* row = logits + r * width;
      double sum = 0;
      const float lse = kernels::log_sum_exp(row, width, e != 0 ? &sum : nullptr);
      out[r] = row[targets[r]] - lse;
      if (e != 0)
        out[r] += e * (static_cast<float>(sum / static_cast<double>(width)) - row[targets[r]]);
      if (grad == nullptr) continue;
      kernels::softmax_scaled(row, lse, -c, c * e / static_cast<float>(width), width,
                              grad + r * width);
      grad[r * width + targets[r]] += c * (1 - e);
    }
  });
}

void copy_rows(const float* from, int64_t from_row, int64_t rows, int64_t width, float* to,
               int64_t to_row) {
  parallel_ranges(rows, rows_per_chunk(width), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) std::copy_n(from + t * from_row, width, to + t * to_row);
  });
}

}  // namespace slipway
