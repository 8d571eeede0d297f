// Row kernels over threads.
#include "kernels/cpu/rows.h"

#include <algorithm>

#include "base/error.h"
#include "compute/parallel.h"
#include "compute/scratch.h"
#include "kernels/cpu/activation_kernels.h"
#include "kernels/cpu/norm_kernels.h"
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

NormRows part_of(const NormRows& rows, int64_t begin, int64_t end) {
  return {end - begin, rows.groups, rows.width, rows.row};
}
NormMoments part_of(const NormMoments& moments, const NormRows& rows, int64_t begin) {
  const int64_t at = begin * rows.groups;
  return {moments.inverse + at, moments.mean == nullptr ? nullptr : moments.mean + at};
}

template <class Value>
kernels::GatedRow<Value> row_of(const GatedRows& in, int64_t row, const Value* type) {
  const Value *gate = of_type(in.gate, type), *up = of_type(in.up, type);
  return {gate == nullptr ? nullptr : gate + row * in.row,
          up + row * in.row,
          in.gate_bias,
          in.up_bias,
          in.width,
          in.activation};
}

// Rows of a chunk: even shares for all threads.
int64_t rows_per_chunk(int64_t rows, int64_t width) {
  return even_grain(rows, kValuesPerChunk / std::max<int64_t>(1, width) + 1);
}

}  // namespace

void embedding_rows(const float* w, int64_t vocab, const int64_t* ids, int64_t tokens,
                    int64_t width, float* out) {
  require_tokens(ids, tokens, vocab);
  parallel_ranges(tokens, rows_per_chunk(tokens, width), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) std::copy_n(w + ids[t] * width, width, out + t * width);
  });
}

// Cut by columns, as many for a thread as there are: each element's sum grows in the order of
// tokens.
void embedding_rows_backward(const float* dy, const int64_t* ids, int64_t tokens, int64_t vocab,
                             int64_t width, float* dw) {
  require_tokens(ids, tokens, vocab);
  const int64_t least = std::max<int64_t>(32, kValuesPerChunk / std::max<int64_t>(1, tokens)),
                each = (width / parallel_threads() + 15) / 16 * 16;
  parallel_ranges(width, std::max(least, each), [&](int64_t begin, int64_t end) {
    for (int64_t t = 0; t < tokens; ++t)
      kernels::add(dy + t * width + begin, end - begin, dw + ids[t] * width + begin);
  });
}

void norm_rows(const float* x, const NormRule& rule, const NormRows& rows, Values y,
               const NormMoments& moments) {
  parallel_ranges(rows.rows, rows_per_chunk(rows.rows, rows.groups * rows.width),
                  [&](int64_t begin, int64_t end) {
                    with_type(y + begin * rows.row, [&](auto* to) {
                      kernels::norm(x + begin * rows.row, rule, part_of(rows, begin, end), to,
                                    part_of(moments, rows, begin));
                    });
                  });
}

void norm_rows_backward(const float* grad_y, const float* x, const NormRule& rule,
                        const NormRows& rows, const NormMoments& moments, const float* residual,
                        float* grad_x, float* grad_w, float* grad_bias) {
  static thread_local Scratch scratch;
  const int64_t width = rows.width, parts = norm_parts(rows.rows),
                part = (rows.rows + parts - 1) / parts, sums = parts * width;
  float* const partial = scratch.take(2 * sums);
  std::fill_n(partial, 2 * sums, 0.0f);
  parallel_ranges(
      parts, rows.rows * rows.groups * width < kValuesPerChunk ? parts : 1,
      [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
          const int64_t first = std::min(rows.rows, p * part),
                        last = std::min(rows.rows, first + part), at = first * rows.row;
          kernels::norm_backward(
              grad_y + at, x + at, rule, part_of(rows, first, last), part_of(moments, rows, first),
              residual == nullptr ? nullptr : residual + at, grad_x + at, partial + p * width,
              grad_bias == nullptr ? nullptr : partial + sums + p * width);
        }
      });
  const auto add_parts = [&](const float* from, float* to) {
    if (to == nullptr) return;
    parallel_ranges(width, kValuesPerTask / parts, [&](int64_t begin, int64_t end) {
      for (int64_t p = 0; p < parts; ++p)
        for (int64_t i = begin; i < end; ++i) to[i] += from[p * width + i];
    });
  };
  add_parts(partial, grad_w);
  add_parts(partial + sums, grad_bias);
}

void rotate_rows(const float* x, int64_t x_row, const int64_t* positions,
                 const RotaryAngles& angles, float sign, int64_t rows, int64_t heads, int64_t width,
                 float* y, int64_t y_row) {
  const int64_t half = angles.half;
  parallel_ranges(rows, rows_per_chunk(rows, heads * width), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      kernels::rope(x + t * x_row, angles.cos + positions[t] * half,
                    angles.sin + positions[t] * half, sign, heads, half, width, y + t * y_row);
  });
}

void gated_rows(const GatedRows& in, Values out) {
  with_type(out, [&](auto* to) {
    parallel_ranges(in.rows, rows_per_chunk(in.rows, in.width), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) kernels::gated(row_of(in, t, to), to + t * in.width);
    });
  });
}

void gated_rows_backward(const float* grad, const GatedRows& in, Values d_gate, Values d_up,
                         Values out) {
  with_type(d_up, [&](auto* du) {
    auto *dg = of_type(d_gate, du), *again = of_type(out, du);
    parallel_ranges(in.rows, rows_per_chunk(in.rows, in.width), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t)
        kernels::gated_backward(grad + t * in.width, row_of(in, t, du),
                                dg == nullptr ? nullptr : dg + t * in.row, du + t * in.row,
                                again == nullptr ? nullptr : again + t * in.width);
    });
  });
}

void bias_rows(const float* bias, int64_t rows, int64_t width, float* y, int64_t y_row) {
  parallel_ranges(rows, rows_per_chunk(rows, width), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) kernels::add(bias, width, y + t * y_row);
  });
}

// Cut by columns, as an embedding's gradient: each sum grows in the order of rows, a few at a time
// so that it stays exact enough.
void sum_rows(ConstValues x, int64_t x_row, int64_t rows, int64_t width, float* sum) {
  constexpr int64_t kTogether = 64, kColumns = 512;
  const auto add = [&](const auto* from) {
    parallel_ranges((width + kColumns - 1) / kColumns, 1, [&](int64_t begin, int64_t end) {
      float part[kColumns];
      for (int64_t c = begin * kColumns; c < std::min(width, end * kColumns); c += kColumns) {
        const int64_t count = std::min(kColumns, width - c);
        for (int64_t first = 0; first < rows; first += kTogether) {
          std::fill_n(part, count, 0.0f);
          for (int64_t t = first; t < std::min(rows, first + kTogether); ++t)
            kernels::add(from + t * x_row + c, count, part);
          kernels::add(part, count, sum + c);
        }
      }
    });
  };
  if (x.bfloats != nullptr) add(x.bfloats);
  else add(x.floats);
}

void add_scaled_values(const float* x, float factor, const float* t, int64_t count, float* y) {
  parallel_ranges(count, kValuesPerTask, [&](int64_t begin, int64_t end) {
    kernels::add_scaled(x == nullptr ? nullptr : x + begin, factor, t + begin, end - begin,
                        y + begin);
  });
}

void softcap_values(const float* x, float cap, int64_t count, float* y) {
  parallel_ranges(count, kValuesPerChunk, [&](int64_t begin, int64_t end) {
    kernels::softcap(x + begin, cap, end - begin, y + begin);
  });
}

void softcap_values_backward(const float* dy, const float* y, float cap, int64_t count, float* dx) {
  parallel_ranges(count, kValuesPerTask, [&](int64_t begin, int64_t end) {
    kernels::softcap_backward(dy + begin, y + begin, cap, end - begin, dx + begin);
  });
}

void token_logprob_rows(const float* logits, const int64_t* targets, int64_t rows, int64_t width,
                        float coefficient, float smoothing, float* out, float* grad) {
  const float c = coefficient, e = smoothing;
  parallel_ranges(rows, rows_per_chunk(rows, width), [&](int64_t begin, int64_t end) {
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
  parallel_ranges(rows, rows_per_chunk(rows, width), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) std::copy_n(from + t * from_row, width, to + t * to_row);
  });
}

}  // namespace slipway
