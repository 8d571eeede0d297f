// Packing on first use.
#include "device/packed_weights.h"

#include "base/give_back.h"

namespace slipway {
namespace {

thread_local PackedWeights* in_scope = nullptr;

}  // namespace

void PackedWeights::forget(WeightStorage storage) {
  if (storage != std::exchange(storage_, storage)) packed_.clear();
  for (auto& [weight, packed] : packed_) packed.fresh = false;
}

void PackedWeights::give_back() {
  for (auto& [weight, packed] : packed_) {
    packed.fresh = false;
    zero_and_give_back(packed.panels.data_ptr(), packed.panels.nbytes());
  }
}

PackedWeight PackedWeights::of(const at::Tensor& w) {
  const int64_t n = w.size(0), k = w.size(1);
  Packed& packed = packed_[w.const_data_ptr()];
  if (!packed.fresh || packed.n != n || packed.k != k) {
    // Ordinary tensors: the memory serves later calls, inside inference mode and outside.
    const c10::InferenceMode ordinary(false);
    if (packed.n != n || packed.k != k) packed.panels = at::empty({packed_bytes(storage_, n, k)}, at::kByte);
    packed.n = n, packed.k = k, packed.fresh = true;
    pack_weight(storage_, {w.const_data_ptr<float>(), n}, k, reinterpret_cast<std::byte*>(packed.panels.data_ptr<uint8_t>()));
  }
  return {reinterpret_cast<const std::byte*>(packed.panels.const_data_ptr<uint8_t>()), n, storage_};
}

PackedWeightsScope::PackedWeightsScope(PackedWeights& weights) : outer_(std::exchange(in_scope, &weights)) {}
PackedWeightsScope::~PackedWeightsScope() { in_scope = outer_; }
PackedWeights* PackedWeightsScope::current() { return in_scope; }

}  // namespace slipway
