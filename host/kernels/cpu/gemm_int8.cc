// Choosing a kernel, and the plain one, which says what all of them must give.
#include "kernels/cpu/gemm_int8.h"

#include <algorithm>
#include <optional>

#include "compute/instruction_sets.h"
#include "compute/tiles.h"
#include "kernels/cpu/gemm_int8_kernels.h"

namespace slipway::gemm_int8 {
namespace {

// A row with a panel, group after group.
void multiply_plain(const Product& p) {
  constexpr int64_t kColumns = 8;
  const auto* const a = reinterpret_cast<const int16_t*>(p.a);
  for (int64_t panel = p.first; panel < p.last; ++panel)
    for (int64_t r = 0; r < p.rows; ++r) {
      const std::byte* from = p.b + panel * (p.depth / kGroup) * kColumns * kColumnBytes;
      float sums[kColumns] = {};
      for (int64_t g = 0; g < p.depth; g += kGroup) {
        const auto* const scales = reinterpret_cast<const float*>(from);
        const auto* numbers = reinterpret_cast<const int8_t*>(scales + kColumns);
        int32_t whole[kColumns] = {};
        for (int64_t i = 0; i < kGroup; ++i, numbers += kColumns)
          for (int64_t j = 0; j < kColumns; ++j) whole[j] += a[r * p.depth + g + i] * numbers[j];
        for (int64_t j = 0; j < kColumns; ++j) sums[j] += static_cast<float>(whole[j]) * scales[j];
        from += kColumns * kColumnBytes;
      }
      put_row(sums, std::min(kColumns, p.n - panel * kColumns), p.a_scales[r],
              p.y + r * p.y_row + panel * kColumns, p.add);
    }
}

std::optional<Kernel> kernel_of(std::string_view name) {
#if defined(__x86_64__)
  if (name == "amx" && has_avx512() && has_amx_int8() && ask_for_tiles() == 0) return kAmx;
  if (name == "avx512_vnni" && has_avx512_vnni()) return kAvx512Vnni;
  if (name == "avx512" && has_avx512()) return kAvx512;
  if (name == "avx_vnni" && has_avx_vnni()) return kAvxVnni;
  if (name == "avx2" && has_avx2()) return kAvx2;
  if (name == "sse2") return kSse2;
#endif
  if (name == "plain") return kPlain;
  return std::nullopt;
}

Kernel& chosen_kernel() {
  static Kernel chosen = [] {
    for (const char* name : {"amx", "avx512_vnni", "avx512", "avx_vnni", "avx2", "sse2"})
      if (const auto found = kernel_of(name)) return *found;
    return kPlain;
  }();
  return chosen;
}

SLIPWAY_CLONES void write_row(const float* sums, int64_t used, float scale, float* y) {
#pragma omp simd
  for (int64_t j = 0; j < used; ++j) y[j] = sums[j] * scale;
}
SLIPWAY_CLONES void add_row(const float* sums, int64_t used, float scale, float* y) {
#pragma omp simd
  for (int64_t j = 0; j < used; ++j) y[j] += sums[j] * scale;
}

}  // namespace

const Kernel kPlain{"plain", 8, 1, 8, false, multiply_plain};

const Kernel& kernel() { return chosen_kernel(); }

void put_row(const float* sums, int64_t used, float scale, float* y, bool add) {
  if (add) add_row(sums, used, scale, y);
  else write_row(sums, used, scale, y);
}

std::string_view instruction_set() { return kernel().name; }

bool use(std::string_view instruction_set) {
  const auto found = kernel_of(instruction_set);
  if (found) chosen_kernel() = *found;
  return found.has_value();
}

void use(const Kernel& given) { chosen_kernel() = given; }

int64_t columns() { return kernel().columns; }

void multiply(Rows a, int64_t rows, int64_t k, const std::byte* panels, int64_t n, int64_t first,
              int64_t last, float* y, int64_t y_row, bool add) {
  kernel().multiply({a.data, a.scales, rows, depth(k), panels, n, first, last, y, y_row, add});
}

}  // namespace slipway::gemm_int8
