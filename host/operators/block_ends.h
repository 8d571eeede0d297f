// How half of a decoder block begins and ends, whatever lies between: h = norm(x), and y = x +
// residual * post_norm(inner w^T + bias), with their backward passes.
#pragma once
#include "operators/norm.h"

namespace slipway {

// norm(x) of x [rows, d] as products take it: in `room`, or, where there is no norm and nothing is
// rounded, x itself.
ConstValues begin_block(Kernels& kernels, const Norm& norm, const float* x, int64_t rows, int64_t d,
                        Values room, const NormMoments& moments);
// dx = dy + the gradient in x from dh [rows, d], which is overwritten nowhere.
void begin_block_backward(const at::Tensor& x, const Norm& norm, const float* dh,
                          const NormMoments& moments, const float* dy, float* dx, float* d_norm,
                          float* d_norm_bias);

struct BlockEnd {
  const at::Tensor &w, &bias;  // [d, k], [d] or undefined
  Norm post;
  double residual;

  // y [rows, d] from inner [rows, k] and x [rows, d]. Where there is a post norm, `before` [rows,
  // d] is what it is of, and it leaves moments.
  void forward(Kernels& kernels, ConstValues inner, int64_t rows, int64_t k, const float* x,
               float* before, const NormMoments& moments, float* y) const;
  // Floats [rows, d] of room that backward() wants.
  bool wants_room() const { return post || residual != 1; }
  // The gradient of inner w^T [rows, d]: in `room`, or dy itself. Adds to d_bias and d_post
  // (nullptr: not wanted). Memory lies where `like` does.
  const float* backward(const at::Tensor& like, const float* dy, int64_t rows, int64_t d,
                        const float* before, const NormMoments& moments, float* room, float* d_bias,
                        float* d_post) const;
};

}  // namespace slipway
