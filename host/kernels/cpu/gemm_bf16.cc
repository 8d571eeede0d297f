// Choosing a kernel, and the portable one.
#include "kernels/cpu/gemm_bf16.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "compute/bfloat16.h"
#include "compute/instruction_sets.h"
#include "compute/tiles.h"
#include "kernels/cpu/gemm_bf16_kernels.h"

namespace slipway::gemm_bf16 {
namespace {

std::optional<Kernel> kernel_of(std::string_view name) {
#if defined(__x86_64__)
  if (name == "amx" && has_amx_bf16() && ask_for_tiles() == 0) return Kernel{"amx", multiply_amx};
  if (name == "avx512_bf16" && has_avx512_bf16()) return Kernel{"avx512_bf16", multiply_avx512};
#endif
  if (name == "portable") return Kernel{"portable", multiply_portable};
  return std::nullopt;
}

SLIPWAY_CLONES void add_row(const float* from, int64_t count, float* to) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) to[i] += from[i];
}

Kernel& kernel() {
  static Kernel chosen = [] {
    for (const char* name : {"amx", "avx512_bf16"})
      if (const auto found = kernel_of(name)) return *found;
    return *kernel_of("portable");
  }();
  return chosen;
}

}  // namespace

// A row with a panel. A product of two bfloat16 numbers is exact in float32; of a pair the second
// comes first, as AVX-512 has it.
void multiply_portable(const Product& p) {
  for (int64_t panel = p.first; panel < p.last; ++panel)
    for (int64_t r = 0; r < p.rows; ++r) {
      const uint16_t *a = p.a + r * p.a_row, *b = p.b + panel * kColumns * p.depth;
      float sum[kColumns] = {};
      for (int64_t i = 0; i < p.depth; i += 2, b += 2 * kColumns) {
        const float a0 = from_bfloat16(a[i]), a1 = from_bfloat16(a[i + 1]);
        for (int64_t j = 0; j < kColumns; ++j) {
          sum[j] += a1 * from_bfloat16(b[2 * j + 1]);
          sum[j] += a0 * from_bfloat16(b[2 * j]);
        }
      }
      put_sums(sum, 1, std::min(kColumns, p.n - panel * kColumns),
               p.y + (r * p.y_row + panel * kColumns), p.y_row, p.add);
    }
}

void put_sums(const float* sums, int64_t rows, int64_t used, Values y, int64_t y_row, bool add) {
  for (int64_t r = 0; r < rows; ++r, y = y + y_row, sums += kColumns) {
    if (y.bfloats != nullptr) pack_kernels().round_row(sums, used, y.bfloats);
    else if (add) add_row(sums, used, y.floats);
    else std::copy_n(sums, used, y.floats);
  }
}

std::string_view instruction_set() { return kernel().name; }

bool fast() { return kernel().name != "portable"; }

std::string why_slow() {
  if (fast()) return "";
  if (has_amx_bf16() && ask_for_tiles() != 0)
    return std::string("this processor has AMX, but the system does not let programs use it (") +
           std::strerror(ask_for_tiles()) + ")";
  return "this processor has neither AMX nor AVX-512 BF16";
}

bool use(std::string_view instruction_set) {
  const auto found = kernel_of(instruction_set);
  if (found) kernel() = *found;
  return found.has_value();
}

void use(const Kernel& given) { kernel() = given; }

void multiply(Rows a, int64_t rows, int64_t k, const uint16_t* b, int64_t n, int64_t first,
              int64_t last, Values y, int64_t y_row, bool add) {
  kernel().multiply({a.data, a.row, rows, depth(k), b, n, first, last, y, y_row, add});
}

}  // namespace slipway::gemm_bf16
