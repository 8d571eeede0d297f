// Rows of q, k and v side by side, between their product and attention: biases, norms of q and k,
// rotary positions, each where the block has it.
#pragma once
#include "operators/attention_call.h"
#include "operators/norm.h"

namespace slipway {

class ProjectedHeads {
 public:
  ProjectedHeads(const AttentionCall& call, const AttentionBlock& block, const RotaryAngles& angles,
                 const int64_t* positions)
      : call_(call), block_(block), angles_(angles), positions_(positions) {}

  bool are_normed() const { return block_.q_norm.defined() || block_.k_norm.defined(); }
  // Floats of moments that turn() leaves.
  int64_t moments() const { return are_normed() ? 2 * call_.rows * both() : 0; }

  void add_biases(Kernels& kernels, float* qkv) const;
  // Norms, then rotary positions, in place.
  void turn(Kernels& kernels, float* qkv, float* moments) const;
  // Gradients of what turn() gave become those of what it was given, `raw`, in place; those of the
  // norms' weights are added to (nullptr: not wanted). Memory lies where `like` does.
  void turn_back(const at::Tensor& like, const float* raw, float* moments, float* d_qkv,
                 float* d_q_norm, float* d_k_norm) const;
  void bias_gradients(const at::Tensor& like, const float* d_qkv, float* d_q_bias, float* d_k_bias,
                      float* d_v_bias) const;

 private:
  int64_t both() const { return call_.shape.heads + call_.shape.kv_heads; }
  // A norm of q or k, and where the values lie that it is of.
  struct Part {
    Norm norm;
    NormRows rows;
    int64_t first, moments;
  };
  Part part(const at::Tensor& weight, int64_t heads, int64_t first, int64_t moments) const;
  Part q_part() const;
  Part k_part() const;
  void rotate(Kernels& kernels, float sign, float* qkv) const;

  const AttentionCall& call_;
  const AttentionBlock& block_;
  const RotaryAngles angles_;
  const int64_t* positions_;
};

}  // namespace slipway
