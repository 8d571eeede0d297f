// The weights of one product, whose results lie side by side.
#pragma once
#include <array>
#include <cstddef>
#include <initializer_list>

#include "compute/torch.h"

namespace slipway {

class ProductWeights {
 public:
  static constexpr size_t kMost = 3;  // q, k and v
  // Tensors [n, k] that outlive this, from left to right. One that is undefined is left out: a
  // model has no such weight, or another one holds its rows. Not all of them are.
  ProductWeights(std::initializer_list<const at::Tensor*> weights) {
    for (const at::Tensor* w : weights)
      if (w->defined()) of_.at(count_++) = w;
  }
  const at::Tensor* const* begin() const { return of_.data(); }
  const at::Tensor* const* end() const { return of_.data() + count_; }
  size_t size() const { return count_; }
  const at::Tensor& front() const { return *of_[0]; }

 private:
  std::array<const at::Tensor*, kMost> of_{};
  size_t count_ = 0;
};

}  // namespace slipway
