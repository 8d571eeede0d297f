// Rounding on first use.
#include "operators/rounded_weights.h"

#include <algorithm>
#include <utility>

#include "operators/accelerator/device_pages.h"
#include "operators/kernels_of.h"

namespace slipway {
namespace {

thread_local RoundedWeightsScope* rounded_scope = nullptr;

}  // namespace

RoundedWeightsScope::RoundedWeightsScope(const PackedWeights& known)
    : known_(known), outer_(std::exchange(rounded_scope, this)) {}
RoundedWeightsScope::~RoundedWeightsScope() { rounded_scope = outer_; }
RoundedWeightsScope* RoundedWeightsScope::current() { return rounded_scope; }

const uint16_t* RoundedWeightsScope::of(const ProductWeights& weights) {
  if (!std::ranges::all_of(weights, [&](const at::Tensor* w) { return known_.has(*w); }))
    return nullptr;
  const at::Tensor& first = weights.front();
  int64_t rows = 0;
  for (const at::Tensor* w : weights) rows += w->size(0);
  at::Tensor& copy = copies_[first.const_data_ptr()];
  if (!copy.defined() || copy.size(0) != rows) {
    copy = at::empty({rows, first.size(1)}, first.options().dtype(at::kBFloat16));
    auto* to = reinterpret_cast<uint16_t*>(copy.data_ptr<at::BFloat16>());
    for (const at::Tensor* w : weights) {
      make_present(*w);
      kernels_of(*w).round_values(w->const_data_ptr<float>(), w->numel(), to);
      to += w->numel();
    }
  }
  return reinterpret_cast<const uint16_t*>(copy.const_data_ptr<at::BFloat16>());
}

}  // namespace slipway
