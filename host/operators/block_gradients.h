// How autograd sees an operator of x and many weights, some of which may be undefined. What it is
// given lists the weights in one order.
#pragma once
#include <array>

#include "operators/linear.h"

namespace slipway {

template <size_t kCount>
using WeightList = std::array<const at::Tensor*, kCount>;

template <size_t kCount>
bool records(const at::Tensor& x, const WeightList<kCount>& weights) {
  if (records({&x})) return true;
  for (const at::Tensor* w : weights)
    if (w->defined() && records({w})) return true;
  return false;
}

template <size_t kCount>
torch::autograd::edge_list gradient_edges(const at::Tensor& x, const WeightList<kCount>& weights) {
  torch::autograd::edge_list out = {gradient_edge(x)};
  for (const at::Tensor* w : weights) out.push_back(gradient_edge(*w));
  return out;
}

template <size_t kCount>
std::array<GradientTarget, kCount> gradient_targets(const WeightList<kCount>& weights) {
  std::array<GradientTarget, kCount> out;
  for (size_t i = 0; i < kCount; ++i)
    out[i] = GradientTarget(*weights[i], weights[i]->defined() && weights[i]->requires_grad());
  return out;
}

// What a node's backward pass gives back: dx, then the gradients that no buffer took.
template <size_t kCount>
torch::autograd::variable_list with_gradients(const at::Tensor& dx,
                                              const std::array<GradientTarget, kCount>& targets) {
  torch::autograd::variable_list out = {dx};
  for (const GradientTarget& target : targets) out.push_back(target.tensor());
  return out;
}

}  // namespace slipway
