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

// All that is kept is leaked on purpose: someone may still have it in hands.
std::mutex tables_mutex;

// cos and sin [positions, half].
struct RotaryTable {
  const float *cos = nullptr, *sin = nullptr;
  int64_t positions = 0;
};
using TableKey = std::pair<std::vector<float>, float>;  // frequencies and scale

RotaryTable make_table(int64_t positions, const at::Tensor& inverse, double scale) {
  // Generation asks first, in inference mode; what it makes serves training too.
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_grad;
  const at::Tensor angles = at::outer(at::arange(positions, at::kFloat), inverse);
  static auto* const kept = new std::vector<at::Tensor>();
  for (const at::Tensor& values : {at::cos(angles), at::sin(angles)})
    kept->push_back(scale == 1 ? values : values * scale);
  return {(*kept)[kept->size() - 2].const_data_ptr<float>(), kept->back().const_data_ptr<float>(),
          positions};
}

// Holds positions below `positions`.
RotaryTable rotary_table(int64_t positions, const TableKey& key, const at::Tensor& inverse) {
  static auto* const tables = new std::map<TableKey, RotaryTable>();
  const std::lock_guard lock(tables_mutex);
  RotaryTable& table = (*tables)[key];
  if (table.positions >= positions) return table;
  int64_t size = 256;
  while (size < positions) size *= 2;
  return table = make_table(size, inverse, static_cast<double>(key.second));
}

// The frequencies in the device's memory.
const float* device_frequencies(const std::vector<float>& frequencies, const at::Tensor& inverse) {
  static auto* const all = new std::map<std::vector<float>, at::Tensor>();
  const std::lock_guard lock(tables_mutex);
  at::Tensor& found = (*all)[frequencies];
  if (!found.defined()) {
    const c10::InferenceMode ordinary(false);
    found = inverse.detach().to(compute_device());
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

at::Tensor rotary_frequency_tensor(int64_t half, double theta) {
  static auto* const all = new std::map<std::pair<int64_t, double>, at::Tensor>();
  const std::lock_guard lock(tables_mutex);
  at::Tensor& found = (*all)[{half, theta}];
  if (!found.defined()) {
    const c10::InferenceMode ordinary(false);
    found = at::tensor(at::ArrayRef<float>(rotary_frequencies(half, theta)), at::kFloat);
  }
  return found;
}

bool is_frequencies(const at::Tensor& inverse, int64_t width) {
  return inverse.defined() && inverse.scalar_type() == at::kFloat && inverse.dim() == 1 &&
         inverse.is_contiguous() && inverse.is_cpu() && inverse.size(0) > 0 &&
         2 * inverse.size(0) <= width;
}

RotaryAngles rotary_angles(const at::Tensor& positions_T, const at::Tensor& inverse, double scale) {
  const int64_t half = inverse.numel();
  const float* const first = inverse.const_data_ptr<float>();
  const TableKey key{{first, first + half}, static_cast<float>(scale)};
  if (on_device(positions_T))
    return {device_frequencies(key.first, inverse), nullptr, nullptr, half, key.second};
  const int64_t* positions = positions_T.const_data_ptr<int64_t>();
  int64_t largest = 0;
  for (int64_t i = 0; i < positions_T.numel(); ++i) {
    if (positions[i] < 0) fail("position {} is negative", positions[i]);
    largest = std::max(largest, positions[i]);
  }
  const RotaryTable table = rotary_table(largest + 1, key, inverse);
  return {nullptr, table.cos, table.sin, half, key.second};
}

RotaryAngles rotary_angles(const at::Tensor& positions_T, int64_t half, double theta) {
  return rotary_angles(positions_T, rotary_frequency_tensor(half, theta), 1);
}

}  // namespace slipway
