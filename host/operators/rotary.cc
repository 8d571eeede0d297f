// Rotary positions.
#include "operators/rotary.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "operators/accelerator/device_tensors.h"

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

// rotary_frequencies(half, theta) in the device's memory, for the process's life.
const float* device_frequencies(int64_t half, double theta) {
  // Leaked on purpose, and asked for by one thread at a time: forward, or the backward that it
  // waits for.
  static auto* const kept = new std::map<std::pair<int64_t, double>, at::Tensor>();
  at::Tensor& found = (*kept)[{half, theta}];
  if (!found.defined()) {
    const c10::InferenceMode ordinary(false);
    found = at::tensor(at::ArrayRef<float>(rotary_frequencies(half, theta)), at::kFloat)
                .to(compute_device());
  }
  return found.const_data_ptr<float>();
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

RotaryAngles rotary_angles(const at::Tensor& positions_T, int64_t half, double theta) {
  if (on_device(positions_T)) return {device_frequencies(half, theta), nullptr, nullptr, half};
  const int64_t* positions = positions_T.const_data_ptr<int64_t>();
  int64_t largest = 0;
  for (int64_t i = 0; i < positions_T.numel(); ++i) {
    if (positions[i] < 0) fail("position {} is negative", positions[i]);
    largest = std::max(largest, positions[i]);
  }
  const RotaryTable table = rotary_table(largest + 1, half, theta);
  return {nullptr, table.cos, table.sin, half};
}

}  // namespace slipway
