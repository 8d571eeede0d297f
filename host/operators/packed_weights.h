// Weight matrices in the layout that products want (kernels/cpu/product.h), made when
// a matrix is first used.
#pragma once
#include <cstddef>
#include <span>
#include <unordered_map>
#include <vector>

#include "compute/torch.h"
#include "kernels/cpu/product.h"

namespace slipway {

// Holds copies of weights: a scope must not outlive a change of them. One thread at a time. [loop]
class PackedWeights {
 public:
  // The memory of weights that stay where they are, as long as this lives: of matrices in it alone
  // copies are kept. What lies elsewhere may be gone by the next call, and another matrix in its
  // place; what lies on a device is never kept.
  void keep_those_in(std::vector<at::Tensor> buffers) { buffers_ = std::move(buffers); }
  bool keeps(const at::Tensor& w) const;
  // Whether it lies in that memory, on the processor or on a device.
  bool has(const at::Tensor& w) const;
  // w [n, k], contiguous float32, one that keeps() says yes to.
  PackedWeight of(const at::Tensor& w);
  // Forgets the contents, and stores weights as `storage` from here on. Keeps the memory for the
  // next weights of the same shapes, unless they are stored in another way.
  void forget(WeightStorage storage);
  // Forgets the contents, and packs into `memory` as far as it reaches, until give_back().
  // Meanwhile it is nobody else's.
  void borrow(std::span<std::byte> memory);
  // Forgets the contents and what was borrowed; memory of its own goes back to the system until
  // weights are packed again.
  void give_back();

 private:
  struct Packed {
    std::byte* panels = nullptr;
    at::Tensor own;  // where the panels lie, unless that is borrowed
    int64_t n = 0, k = 0;
    bool fresh = false;
  };
  void place(Packed& packed, int64_t bytes);
  void forget_borrowed();

  std::vector<at::Tensor> buffers_;
  WeightStorage storage_ = WeightStorage::kFloat32;
  std::unordered_map<const void*, Packed> packed_;
  std::span<std::byte> borrowed_;
  size_t used_ = 0;  // bytes of what is borrowed
};

// While one is alive, products on this thread take the weights that `weights` keeps from there, if
// nothing records gradients.
class PackedWeightsScope {
 public:
  explicit PackedWeightsScope(PackedWeights& weights);
  ~PackedWeightsScope();
  PackedWeightsScope(const PackedWeightsScope&) = delete;
  PackedWeightsScope& operator=(const PackedWeightsScope&) = delete;

  static PackedWeights* current();  // of this thread; nullptr outside every scope

 private:
  PackedWeights* outer_;
};

}  // namespace slipway
