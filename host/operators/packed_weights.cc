// Packing on first use.
#include "operators/packed_weights.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/give_back.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/adapters.h"
#include "operators/stored_matrix.h"

namespace slipway {
namespace {

thread_local PackedWeights* in_scope = nullptr;
constexpr size_t kAlignment = 64;

// What its adapter adds to a weight; undefined where it has none.
at::Tensor update_of(const at::Tensor& w) {
  const Adapters* adapters = AdaptersScope::current();
  const Adapter* adapter = adapters == nullptr ? nullptr : adapters->of(w);
  return adapter == nullptr ? at::Tensor() : Adapters::update_of(*adapter);
}

// The weight with what its adapter adds.
void pack_merged(WeightStorage storage, const at::Tensor& w, std::byte* panels) {
  const at::NoGradGuard no_grad;
  const at::Tensor update = update_of(w);
  const int64_t n = w.size(0), k = w.size(1);
  if (const StoredMatrix* stored = StoredMatrix::of(w); stored != nullptr) {
    stored->each_part([&](float* values, int64_t first, int64_t count) {
      if (update.defined())
        at::from_blob(values, {count, k}, at::kFloat).add_(update.narrow(0, first, count));
      pack_weight(storage, {values, count}, k, panels + packed_bytes(storage, first, k));
    });
    return;
  }
  const at::Tensor merged = update.defined() ? w.detach().add(update) : w;
  pack_weight(storage, {merged.const_data_ptr<float>(), n}, k, panels);
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

bool PackedWeights::keeps(const at::Tensor& w) const { return !on_device(w) && has(w); }
bool PackedWeights::has(const at::Tensor& w) const {
  return std::ranges::any_of(buffers_,
                             [&](const at::Tensor& buffer) { return buffer.is_alias_of(w); });
}

PackedWeight PackedWeights::of(const at::Tensor& w) {
  const int64_t n = w.size(0), k = w.size(1);
  Packed& packed = packed_[w.const_data_ptr()];
  if (!packed.fresh || packed.n != n || packed.k != k) {
    // Ordinary tensors: the memory serves later calls, inside inference mode and outside.
    const c10::InferenceMode ordinary(false);
    if (packed.n != n || packed.k != k) place(packed, packed_bytes(storage_, n, k));
    packed.n = n, packed.k = k, packed.fresh = true;
    pack_merged(storage_, w, packed.panels);
  }
  return {packed.panels, n, storage_};
}

PackedWeightsScope::PackedWeightsScope(PackedWeights& weights)
    : outer_(std::exchange(in_scope, &weights)) {}
PackedWeightsScope::~PackedWeightsScope() { in_scope = outer_; }
PackedWeights* PackedWeightsScope::current() { return in_scope; }

}  // namespace slipway
