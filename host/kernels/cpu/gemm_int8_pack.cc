// Rounding rows and weights to whole numbers, and laying them out as the kernel wants them.
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "compute/instruction_sets.h"
#include "kernels/cpu/gemm_int8.h"
#include "kernels/cpu/gemm_int8_kernels.h"

namespace slipway::gemm_int8 {
namespace {

// Adding and taking away 1.5 * 2^23 rounds to the nearest whole number, ties to even.
constexpr float kRound = 0x1.8p23f;
// A scale below has no reciprocal in float32.
constexpr float kSmallest = 0x1p-120f;
constexpr uint32_t kInfinity = 0x7F800000;

struct Rounding {
  float scale, inverse;  // inverse 0: all of them become zeros
};

// The largest magnitude's bits: of numbers without their sign the larger has the larger bits, and
// what is not finite has the largest.
SLIPWAY_CLONES uint32_t largest_bits(const float* from, int64_t count) {
  uint32_t out = 0;
#pragma omp simd reduction(max : out)
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits;
    std::memcpy(&bits, from + i, sizeof bits);
    out = std::max(out, bits & 0x7FFFFFFF);
  }
  return out;
}
SLIPWAY_CLONES void round_row(const float* from, int64_t count, float inverse, int16_t* to) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i)
    to[i] = static_cast<int16_t>(static_cast<int32_t>((from[i] * inverse + kRound) - kRound));
}
SLIPWAY_CLONES void round_halves(const float* from, int64_t count, float inverse, int8_t* upper,
                                 int8_t* lower) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const auto whole = static_cast<int32_t>((from[i] * inverse + kRound) - kRound);
    // the lower byte signed, so the upper one is rounded to the nearest
    upper[i] = static_cast<int8_t>((whole + 128) >> 8);
    lower[i] = static_cast<int8_t>(whole);
  }
}

// For `count` numbers side by side, to whole ones up to `whole`. A number that is not finite makes
// the scale not a number: a model that diverged must not look sound.
Rounding rounding_of(const float* from, int64_t count, float whole) {
  const uint32_t bits = largest_bits(from, count);
  if (bits >= kInfinity) return {std::numeric_limits<float>::quiet_NaN(), 0};
  const float scale = std::bit_cast<float>(bits) / whole;
  return scale >= kSmallest ? Rounding{scale, 1 / scale} : Rounding{0, 0};
}

SLIPWAY_CLONES void round_weights(const float* from, int64_t count, float inverse, int8_t* to) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i)
    to[i] = static_cast<int8_t>(static_cast<int32_t>((from[i] * inverse + kRound) - kRound));
}

// Column j of a group's whole numbers.
template <size_t kTogether>
void spread(const int8_t* numbers, int64_t block, int64_t j, int8_t* group) {
  constexpr auto kStep = static_cast<int64_t>(kTogether);
  int8_t* to = group + j / block * block * kGroup + j % block * kStep;
  for (int64_t i = 0; i < kGroup; i += kStep, to += block * kStep)
    std::memcpy(to, numbers + i, kTogether);
}

}  // namespace

void pack_weights(const float* w, int64_t row, int64_t n, int64_t k, int64_t first, int64_t last,
                  std::byte* packed) {
  const Kernel& chosen = kernel();
  const int64_t width = chosen.columns, bytes = panel_bytes(k);
  const auto spread_column = chosen.together == 4   ? spread<4>
                             : chosen.together == 2 ? spread<2>
                                                    : spread<1>;
  for (int64_t p = first; p < last; ++p) {
    std::byte* to = packed + p * bytes;
    for (int64_t g = 0; g < k; g += kGroup, to += width * kColumnBytes) {
      auto* const scales = reinterpret_cast<float*>(to);
      auto* const numbers = reinterpret_cast<int8_t*>(scales + width);
      const int64_t count = std::min(kGroup, k - g);
      for (int64_t j = 0; j < width; ++j) {
        int8_t column[kGroup] = {};
        Rounding rounding{};
        if (const int64_t at = p * width + j; at < n) {
          rounding = rounding_of(w + at * row + g, count, kLargestWeight);
          if (rounding.inverse > 0)
            round_weights(w + at * row + g, count, rounding.inverse, column);
        }
        scales[j] = rounding.scale;
        spread_column(column, chosen.block, j, numbers);
      }
    }
  }
}

void pack_rows(const float* x, int64_t row, int64_t k, int64_t first, int64_t last,
               std::byte* packed, float* scales) {
  const bool halves = kernel().halves;
  const int64_t width = depth(k);
  for (int64_t r = first; r < last; ++r) {
    const float* const from = x + r * row;
    std::byte* const to = packed + r * row_bytes(k);
    const Rounding rounding = rounding_of(from, k, kLargestInput);
    scales[r] = rounding.scale;
    if (rounding.inverse == 0) {
      std::memset(to, 0, static_cast<size_t>(row_bytes(k)));
    } else if (halves) {
      auto *const upper = reinterpret_cast<int8_t*>(to), *const lower = upper + width;
      round_halves(from, k, rounding.inverse, upper, lower);
      std::fill(upper + k, lower, int8_t{0});
      std::fill(lower + k, lower + width, int8_t{0});
    } else {
      auto* const numbers = reinterpret_cast<int16_t*>(to);
      round_row(from, k, rounding.inverse, numbers);
      std::fill(numbers + k, numbers + width, int16_t{0});
    }
  }
}

}  // namespace slipway::gemm_int8
