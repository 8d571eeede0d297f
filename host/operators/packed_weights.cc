// Packing on first use.
#include "operators/packed_weights.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/give_back.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/adapters.h"

namespace slipway {
namespace {

thread_local PackedWeights* in_scope = nullptr;
constexpr size_t kAlignment = 64;

// The weight with what its adapter adds.
at::Tensor with_adapter(const at::Tensor& w) {
  const Adapters* adapters = AdaptersScope::current();
  const Adapter* adapter = adapters == nullptr ? nullptr : adapters->of(w);
  if (adapter == nullptr) return w;
  at::Tensor out = Adapters::update_of(*adapter);
  const at::NoGradGuard no_grad;
  return out.add_(w.detach());
}

}  // namespace

void PackedWeights::forget(WeightStorage storage) {
  if (storage != std::exchange(storage_, storage)) {
    packed_.clear();
    used_ = 0;
  }
  for (auto& [weight, packed] : packed_) packed.fresh = false;
}

void PackedWeights::forget_borrowed() {
  std::erase_if(packed_, [](const auto& entry) { return !entry.second.own.defined(); });
  used_ = 0;
}

void PackedWeights::borrow(std::span<std::byte> memory) {
  forget_borrowed();
  forget(storage_);
  borrowed_ = memory;
}

void PackedWeights::give_back() {
  forget_borrowed();
  borrowed_ = {};
  for (auto& [weight, packed] : packed_) {
    packed.fresh = false;
    zero_and_give_back(packed.own.data_ptr(), packed.own.nbytes());
  }
}

void PackedWeights::place(Packed& packed, int64_t bytes) {
  void* at = borrowed_.data() + used_;
  size_t left = borrowed_.size() - used_;
  if (!borrowed_.empty() &&
      std::align(kAlignment, static_cast<size_t>(bytes), at, left) != nullptr) {
    packed.own = at::Tensor();
    packed.panels = static_cast<std::byte*>(at);
    used_ = borrowed_.size() - left + static_cast<size_t>(bytes);
    return;
  }
  packed.own = at::empty({bytes}, at::kByte);
  packed.panels = reinterpret_cast<std::byte*>(packed.own.data_ptr<uint8_t>());
}

bool PackedWeights::keeps(const at::Tensor& w) const {
  return !on_device(w) && std::ranges::any_of(buffers_, [&](const at::Tensor& buffer) {
    return buffer.is_alias_of(w);
  });
}

PackedWeight PackedWeights::of(const at::Tensor& w) {
  const int64_t n = w.size(0), k = w.size(1);
  Packed& packed = packed_[w.const_data_ptr()];
  if (!packed.fresh || packed.n != n || packed.k != k) {
    // Ordinary tensors: the memory serves later calls, inside inference mode and outside.
    const c10::InferenceMode ordinary(false);
    if (packed.n != n || packed.k != k) place(packed, packed_bytes(storage_, n, k));
    packed.n = n, packed.k = k, packed.fresh = true;
    const at::Tensor whole = with_adapter(w);
    pack_weight(storage_, {whole.const_data_ptr<float>(), n}, k, packed.panels);
  }
  return {packed.panels, n, storage_};
}

PackedWeightsScope::PackedWeightsScope(PackedWeights& weights)
    : outer_(std::exchange(in_scope, &weights)) {}
PackedWeightsScope::~PackedWeightsScope() { in_scope = outer_; }
PackedWeights* PackedWeightsScope::current() { return in_scope; }

}  // namespace slipway
