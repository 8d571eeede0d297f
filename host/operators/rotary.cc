// Rotary positions.
#include "operators/rotary.h"

#include <map>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "compute/parallel.h"
#include "compute/torch.h"
#include "kernels/cpu/row_kernels.h"

namespace slipway {
namespace {

RotaryTable make_table(int64_t positions, int64_t half, double theta) {
  // Generation asks first, in inference mode; what it makes serves training too.
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_grad;
  const at::Tensor angles =
      at::outer(at::arange(positions, at::kFloat),
                at::tensor(at::ArrayRef<float>(rotary_frequencies(half, theta)), at::kFloat));
  // Kept for the life of the process: a smaller table may still be in someone's hands.
  static auto* const kept = new std::vector<at::Tensor>();
  kept->push_back(at::cos(angles));
  kept->push_back(at::sin(angles));
  return {(*kept)[kept->size() - 2].const_data_ptr<float>(), kept->back().const_data_ptr<float>(),
          positions};
}

}  // namespace

std::vector<float> rotary_frequencies(int64_t half, double theta) {
  const auto f32 = at::TensorOptions(at::kFloat);
  const at::Tensor exponent = at::arange(0, 2 * half, 2, f32) / static_cast<double>(2 * half);
  const at::Tensor inverse = at::reciprocal(at::pow(at::scalar_tensor(theta, f32), exponent));
  return {inverse.const_data_ptr<float>(), inverse.const_data_ptr<float>() + half};
}

RotaryTable rotary_table(int64_t positions, int64_t half, double theta) {
  static std::mutex mutex;
  static auto* const tables = new std::map<std::pair<int64_t, double>, RotaryTable>();
  const std::lock_guard lock(mutex);
  RotaryTable& table = (*tables)[{half, theta}];
  if (table.positions >= positions) return table;
  int64_t size = 256;
  while (size < positions) size *= 2;
  return table = make_table(size, half, theta);
}

RotaryTable rotary_table_for(const int64_t* positions, int64_t count, int64_t half, double theta) {
  int64_t largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (positions[i] < 0) fail("position {} is negative", positions[i]);
    largest = std::max(largest, positions[i]);
  }
  return rotary_table(largest + 1, half, theta);
}

void rotate_rows(const float* x, int64_t x_row, const int64_t* positions, const RotaryTable& table,
                 float sign, int64_t rows, int64_t heads, int64_t half, float* y, int64_t y_row) {
  parallel_ranges(rows, kValuesPerChunk / (2 * heads * half) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      kernels::rope(x + t * x_row, table.cos + positions[t] * half, table.sin + positions[t] * half,
                    sign, heads, half, y + t * y_row);
  });
}

}  // namespace slipway
