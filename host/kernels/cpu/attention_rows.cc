// Softmax by tiles, in vectors of 16 whatever the processor's are; powers of two instead of
// exponentials, for the scale takes up the factor.
#include "kernels/cpu/attention_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "compute/instruction_sets.h"
#include "kernels/cpu/curves.h"

namespace slipway::kernels {
namespace {

// Vectors of one size, and what lies in memory as such.
template <int64_t kBytes>
struct Vector {
  typedef float Floats __attribute__((vector_size(kBytes), aligned(4), may_alias));
  typedef int32_t Ints __attribute__((vector_size(kBytes)));
};
using Floats = Vector<64>::Floats;
constexpr int64_t kLanes = 16;
constexpr Vector<64>::Ints kLane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

[[gnu::always_inline]] inline const Floats& at(const float* x) {
  return *reinterpret_cast<const Floats*>(x);
}
[[gnu::always_inline]] inline Floats& at(float* x) { return *reinterpret_cast<Floats*>(x); }

// x becomes 2^x within 2 units in the last place (coefficients: Cephes, exp2f), for x < 127; 0
// below the smallest normal result, not a number stays one.
template <int64_t kBytes>
[[gnu::always_inline]] inline void power_of_two(typename Vector<kBytes>::Floats& x) {
  using Values = typename Vector<kBytes>::Floats;
  using Bits = typename Vector<kBytes>::Ints;
  constexpr float kLeast = -125.0f;
  const Values clamped = kLeast > x ? Values{} + kLeast : x;
  // Adding and taking away 1.5 * 2^23 rounds to a whole number, which then stands in the sum's low
  // bits.
  constexpr float kRound = 12582912.0f;
  const Values shifted = clamped + kRound, r = clamped - (shifted - kRound);
  Values p = Values{} + 1.535336188319500e-4f;
  p = p * r + 1.339887440266574e-3f;
  p = p * r + 9.618437357674640e-3f;
  p = p * r + 5.550332471162809e-2f;
  p = p * r + 2.402264791363012e-1f;
  p = p * r + 6.931472028550421e-1f;
  p = p * r + 1.0f;
  x = kLeast > x ? Values{} : (Values)((Bits)p + ((Bits)shifted << 23));
}

template <class Join>
[[gnu::always_inline]] inline float across(const Floats& x, const Join& join) {
  alignas(64) float lanes[kLanes];
  at(lanes) = x;
  for (int64_t half = kLanes / 2; half > 0; half /= 2)
    for (int64_t i = 0; i < half; ++i) lanes[i] = join(lanes[i], lanes[i + half]);
  return lanes[0];
}

template <int64_t kWidth, int64_t kBytes, bool kCapped>
[[gnu::always_inline]] inline void panel_backward(const ScorePanel& panel) {
  using Values = typename Vector<kBytes>::Floats;
  constexpr int64_t kStep = kBytes / static_cast<int64_t>(sizeof(float));
  const float scale = panel.rule.scale, cap = panel.rule.softcap;
  const float to_power = (kCapped ? cap : scale) * std::numbers::log2e_v<float>;
  for (int64_t r = 0; r < panel.queries; ++r) {
    const float lse = panel.lse[r * panel.distance] * std::numbers::log2e_v<float>,
                delta = panel.delta[r * panel.distance];
    float *const s = panel.s + r * kWidth, *const dp = panel.dp + r * kWidth,
                 *const row = panel.ds_rows + r * panel.ds_row;
    if constexpr (kCapped) {
#pragma omp simd
      for (int64_t i = 0; i < kWidth; ++i) s[i] = hyperbolic_tangent(s[i] * scale / cap);
    }
    for (int64_t i = 0; i < kWidth; i += kStep) {
      const Values score = *reinterpret_cast<const Values*>(s + i);
      Values p = score * to_power - lse;
      power_of_two<kBytes>(p);
      Values ds = scale * p * (*reinterpret_cast<const Values*>(dp + i) - delta);
      if constexpr (kCapped) ds = ds * (1.0f - score * score);
      *reinterpret_cast<Values*>(s + i) = p;
      *reinterpret_cast<Values*>(dp + i) = *reinterpret_cast<Values*>(row + i) = ds;
    }
    for (int64_t i = std::max<int64_t>(0, panel.seen + r); i < kWidth; ++i)
      s[i] = dp[i] = row[i] = 0;
    for (int64_t i = 0; i < std::min(kWidth, panel.hidden + r); ++i) s[i] = dp[i] = row[i] = 0;
  }
}

template <bool kCapped>
[[gnu::always_inline]] inline void panel_of_width(const ScorePanel& panel, int64_t width) {
  if (width == 32) panel_backward<32, 64, kCapped>(panel);
  else if (width == 24) panel_backward<24, 32, kCapped>(panel);
  else panel_backward<8, 32, kCapped>(panel);
}

// Hides keys [0, first) of a row of scores up to `here`; false: that is all of them, and the row is
// none of this tile's.
[[gnu::always_inline]] inline bool hide_keys(float* x, int64_t first, int64_t here, int64_t width) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  if (first < here) {
    std::fill_n(x, first, kNever);
    return true;
  }
  for (int64_t i = 0; i < width; i += kLanes) at(x + i) = Floats{};
  return false;
}

// to[c][r] = from[r][c] for 8 x 8.
[[gnu::always_inline]] inline void turn_8x8(const float* from, int64_t row, float* to,
                                            int64_t to_row) {
  using Eight = Vector<32>::Floats;
  using Order = Vector<32>::Ints;
  Eight r[8], s[8];
  for (int i = 0; i < 8; ++i) r[i] = *reinterpret_cast<const Eight*>(from + i * row);
  for (int i = 0; i < 8; i += 2) {
    s[i] = __builtin_shuffle(r[i], r[i + 1], Order{0, 8, 1, 9, 4, 12, 5, 13});
    s[i + 1] = __builtin_shuffle(r[i], r[i + 1], Order{2, 10, 3, 11, 6, 14, 7, 15});
  }
  for (int i = 0; i < 8; i += 4)
    for (int j = 0; j < 2; ++j) {
      r[i + 2 * j] = __builtin_shuffle(s[i + j], s[i + j + 2], Order{0, 1, 8, 9, 4, 5, 12, 13});
      r[i + 2 * j + 1] =
          __builtin_shuffle(s[i + j], s[i + j + 2], Order{2, 3, 10, 11, 6, 7, 14, 15});
    }
  for (int i = 0; i < 4; ++i) {
    *reinterpret_cast<Eight*>(to + i * to_row) =
        __builtin_shuffle(r[i], r[i + 4], Order{0, 1, 2, 3, 8, 9, 10, 11});
    *reinterpret_cast<Eight*>(to + (i + 4) * to_row) =
        __builtin_shuffle(r[i], r[i + 4], Order{4, 5, 6, 7, 12, 13, 14, 15});
  }
}

}  // namespace

SLIPWAY_CLONES void softmax_tile(float* x, int64_t x_row, int64_t rows, int64_t width, int64_t seen,
                                 int64_t hidden, float scale, float* largest, float* sum,
                                 float* values, int64_t value_width) {
  const float to_power = scale * std::numbers::log2e_v<float>;
  for (int64_t r = 0; r < rows; ++r, x += x_row) {
    const int64_t here = std::min(width, seen + r), whole = here / kLanes * kLanes;
    if (hidden + r > 0 && !hide_keys(x, hidden + r, here, width)) {
      if (values == nullptr) largest[r] = -std::numeric_limits<float>::infinity(), sum[r] = 0;
      continue;
    }
    const Vector<64>::Ints counted = kLane < static_cast<int32_t>(here - whole);
    const bool rest = whole < here;
    Floats most = Floats{} + x[0], other = most;
    int64_t i = 0;
    for (; i + 2 * kLanes <= whole; i += 2 * kLanes) {
      most = at(x + i) > most ? at(x + i) : most;
      other = at(x + i + kLanes) > other ? at(x + i + kLanes) : other;
    }
    for (; i < whole; i += kLanes) most = at(x + i) > most ? at(x + i) : most;
    if (rest) {
      const Floats last = counted ? at(x + whole) : most;
      most = last > most ? last : most;
    }
    most = other > most ? other : most;
    float max = across(most, [](float a, float b) { return a > b ? a : b; });
    if (values != nullptr && largest[r] > max) max = largest[r];
    const float shift = max * to_power;
    Floats terms{}, others{};
    for (i = 0; i + 2 * kLanes <= whole; i += 2 * kLanes) {
      Floats p = at(x + i) * to_power - shift, q = at(x + i + kLanes) * to_power - shift;
      power_of_two<64>(p);
      power_of_two<64>(q);
      at(x + i) = p, at(x + i + kLanes) = q;
      terms += p, others += q;
    }
    for (; i < here; i += kLanes) {
      Floats p = at(x + i) * to_power - shift;
      power_of_two<64>(p);
      if (i == whole) p = counted ? p : Floats{};
      at(x + i) = p;
      terms += p;
    }
    for (; i < width; i += kLanes) at(x + i) = Floats{};
    const float added = across(terms + others, [](float a, float b) { return a + b; });
    if (values == nullptr) {
      sum[r] = added;
    } else if (max != largest[r]) {
      Floats factor = Floats{} + (largest[r] * to_power - shift);
      power_of_two<64>(factor);
      sum[r] = sum[r] * factor[0] + added;
      float* const row = values + r * value_width;
      for (int64_t j = 0; j < value_width; ++j) row[j] *= factor[0];
    } else {
      sum[r] += added;
    }
    largest[r] = max;
  }
}

SLIPWAY_CLONES void cap_scores(float* x, int64_t x_row, int64_t rows, int64_t width,
                               const ScoreRule& rule) {
  const float cap = rule.softcap, scale = rule.scale;
  for (int64_t r = 0; r < rows; ++r, x += x_row) {
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) x[i] = cap * hyperbolic_tangent(x[i] * scale / cap);
  }
}

SLIPWAY_CLONES float softmax_end(const float* values, int64_t width, float scale, float largest,
                                 float sum, float* out) {
  const float factor = 1.0f / sum;
  for (int64_t i = 0; i < width; ++i) out[i] = values[i] * factor;
  return largest * scale + std::log(sum);
}

SLIPWAY_CLONES void softmax_join(const float* largest, const float* sum, const float* values,
                                 int64_t distance, int64_t parts, float scale, int64_t width,
                                 float* __restrict out) {
  float max = largest[0];
  for (int64_t p = 1; p < parts; ++p) max = std::max(max, largest[p * distance]);
  float total = 0;
  for (int64_t i = 0; i < width; ++i) out[i] = 0;
  for (int64_t p = 0; p < parts; ++p) {
    Floats factor = Floats{} + (largest[p * distance] - max) * scale * std::numbers::log2e_v<float>;
    power_of_two<64>(factor);
    const float f = factor[0];
    total += f * sum[p * distance];
    for (int64_t i = 0; i < width; ++i) out[i] += f * values[p * distance + i];
  }
  const float rest = 1.0f / total;
  for (int64_t i = 0; i < width; ++i) out[i] *= rest;
}

SLIPWAY_CLONES void softmax_panel_backward(const ScorePanel& panel, int64_t panel_width) {
  if (panel.rule.softcap > 0) panel_of_width<true>(panel, panel_width);
  else panel_of_width<false>(panel, panel_width);
}

SLIPWAY_CLONES void turn_rows(const float* x, int64_t x_row, int64_t rows, int64_t width, float* to,
                              int64_t to_row) {
  const int64_t whole_rows = rows / 8 * 8, whole = width / 8 * 8;
  for (int64_t r = 0; r < whole_rows; r += 8)
    for (int64_t c = 0; c < whole; c += 8)
      turn_8x8(x + r * x_row + c, x_row, to + c * to_row + r, to_row);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = r < whole_rows ? whole : 0; c < width; ++c)
      to[c * to_row + r] = x[r * x_row + c];
}

SLIPWAY_CLONES void put_rows(const float* __restrict from, int64_t from_row, int64_t rows,
                             int64_t width, float* __restrict to, int64_t to_row, bool add) {
  for (int64_t r = 0; r < rows; ++r, from += from_row, to += to_row)
    if (add)
      for (int64_t i = 0; i < width; ++i) to[i] += from[i];
    else
      for (int64_t i = 0; i < width; ++i) to[i] = from[i];
}

}  // namespace slipway::kernels
