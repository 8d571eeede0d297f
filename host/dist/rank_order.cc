// Reduction of what all ranks sent, in the order of the ranks.
#include "dist/rank_order.h"

#include <algorithm>

#include "base/error.h"

namespace slipway {
namespace {

constexpr int64_t kBlock = 2048;  // accumulators that stay in the first cache

template <class T>
T reduced(T a, T b, Reduction reduction) {
  switch (reduction) {
    case Reduction::kSum:
      return a + b;
    case Reduction::kMax:
      return a != a || a > b ? a : b;
    case Reduction::kMin:
      return a != a || a < b ? a : b;
  }
  return a;
}

template <Reduction reduction, class T, class Accumulator>
void reduce_rows(const T* rows, int64_t world, int64_t n, T* out) {
  Accumulator sums[kBlock];
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t size = std::min(kBlock, n - begin);
    for (int64_t i = 0; i < size; ++i) sums[i] = static_cast<Accumulator>(rows[begin + i]);
    for (int64_t rank = 1; rank < world; ++rank) {
      const T* row = rows + rank * n + begin;
      for (int64_t i = 0; i < size; ++i)
        sums[i] = reduced(sums[i], static_cast<Accumulator>(row[i]), reduction);
    }
    for (int64_t i = 0; i < size; ++i) out[begin + i] = static_cast<T>(sums[i]);
  }
}

template <class T, class Accumulator>
void reduce_type(const at::Tensor& rows, Reduction reduction, const at::Tensor& out) {
  const T* in = rows.const_data_ptr<T>();
  T* to = out.mutable_data_ptr<T>();
  const int64_t world = rows.size(0), n = out.numel();
  switch (reduction) {
    case Reduction::kSum:
      return reduce_rows<Reduction::kSum, T, Accumulator>(in, world, n, to);
    case Reduction::kMax:
      return reduce_rows<Reduction::kMax, T, Accumulator>(in, world, n, to);
    case Reduction::kMin:
      return reduce_rows<Reduction::kMin, T, Accumulator>(in, world, n, to);
  }
}

}  // namespace

void reduce_in_rank_order(const at::Tensor& rows, Reduction reduction, const at::Tensor& out) {
  switch (out.scalar_type()) {
    case at::kFloat:
      return reduce_type<float, float>(rows, reduction, out);
    case at::kDouble:
      return reduce_type<double, double>(rows, reduction, out);
    case at::kBFloat16:
      return reduce_type<at::BFloat16, float>(rows, reduction, out);
    case at::kLong:
      return reduce_type<int64_t, int64_t>(rows, reduction, out);
    default:
      fail("processes exchange float32, float64, bfloat16 and int64, and this tensor is {}",
           at::toString(out.scalar_type()));
  }
}

}  // namespace slipway
