// Low-rank updates beside frozen weights (LoRA: Hu et al., 2021): y = x W^T + scale drop(x) A^T
// B^T. Products find a weight's adapter by the weight, so that a model's forward need not know of
// it.
#pragma once
#include <unordered_map>
#include <vector>

#include "compute/torch.h"
#include "kernels/values.h"
#include "operators/product_weights.h"

namespace slipway {

struct Adapter {
  at::Tensor a_RK, b_NR;  // float32, where the weight lies; leaves
  double scale = 1;
  double dropout = 0;  // share of the values of x that training leaves out, others grow to make up
  uint32_t site = 0;   // which one it is of the model's: what dropout draws differs
};

// Those of a model. Weights outlive this.
class Adapters {
 public:
  // Throws Error where A [r, k] and B [n, r] do not fit the weight [n, k].
  void add(const at::Tensor& w_NK, Adapter adapter);
  const Adapter* of(const at::Tensor& w) const;  // nullptr: none
  bool empty() const { return by_weight_.empty(); }
  // Weights [n, k] whose adapters nobody has asked for yet: a model that does not give a weight to
  // a product as it is computes without its adapter.
  std::vector<const void*> unused() const;
  // scale B A [n, k], on the processor or where they lie.
  static at::Tensor update_of(const Adapter& adapter);

 private:
  struct Entry {
    Adapter adapter;
    mutable bool used = false;  // [loop]
  };
  std::unordered_map<const void*, Entry> by_weight_;
};

// While one lives, products on this thread add what `adapters` (nullptr: nobody) has for their
// weights. `drops`: with dropout, drawn by `seed`. Scopes end in reverse order.
class AdaptersScope {
 public:
  explicit AdaptersScope(const Adapters* adapters, bool drops = false, uint64_t seed = 0);
  ~AdaptersScope();
  AdaptersScope(const AdaptersScope&) = delete;
  AdaptersScope& operator=(const AdaptersScope&) = delete;

  static const Adapters* current();  // of this thread; nullptr: none

 private:
  struct State {
    const Adapters* adapters = nullptr;
    bool drops = false;
    uint64_t seed = 0;
  };
  friend class ProductAdapters;
  static thread_local State state;
  State outer_;
};

// The adapters of the weights of one product, whose results lie side by side: found in the scope of
// the forward pass, kept for the backward pass.
class ProductAdapters {
 public:
  ProductAdapters() = default;
  explicit ProductAdapters(const ProductWeights& weights);

  bool empty() const { return parts_.empty(); }
  // Whether autograd is to record the product for their sake.
  bool recorded() const;
  // y [rows, all n side by side] += what they have for x [rows, k], without gaps.
  void add_to(ConstValues x, int64_t rows, int64_t k, float* y, int64_t y_row) const;
  // From dy, which lies as y did: adds to the gradients of A and B where they have room for it
  // (FlatParameters), and to dx [rows, k].
  void add_gradients(ConstValues dy, int64_t dy_row, ConstValues x, int64_t rows, int64_t k,
                     float* dx) const;

 private:
  struct Part {
    Adapter adapter;
    int64_t column;  // where its weight's results begin
  };
  std::vector<Part> parts_;
  bool drops_ = false;
  uint64_t seed_ = 0;
};

}  // namespace slipway
