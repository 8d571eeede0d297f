// The first and the last steps of half a block.
#include "operators/block_ends.h"

#include "operators/linear.h"

namespace slipway {

ConstValues begin_block(Kernels& kernels, const Norm& norm, const float* x, int64_t rows, int64_t d,
                        Values room, const NormMoments& moments) {
  if (norm) {
    kernels.norm(x, norm.rule(), {rows, 1, d, d}, room, moments);
    return room;
  }
  if (room.bfloats == nullptr) return x;
  kernels.round_values(x, rows * d, room.bfloats);
  return room;
}

void begin_block_backward(const at::Tensor& x, const Norm& norm, const float* dh,
                          const NormMoments& moments, const float* dy, float* dx, float* d_norm,
                          float* d_norm_bias) {
  const int64_t rows = x.size(0), d = x.size(1);
  if (norm)
    norm_backward(x, dh, x.const_data_ptr<float>(), norm, {rows, 1, d, d}, moments, dy, dx, d_norm,
                  d_norm_bias);
  else kernels_of(x).add_scaled(dy, 1.0f, dh, rows * d, dx);
}

void BlockEnd::forward(Kernels& kernels, ConstValues inner, int64_t rows, int64_t k, const float* x,
                       float* before, const NormMoments& moments, float* y) const {
  const int64_t d = w.size(0);
  const bool added_at_once = !post && residual == 1;
  float* const out = post ? before : y;
  product(inner, rows, k, {&w}, added_at_once ? x : nullptr, out);
  if (bias.defined()) kernels.add_bias(bias.const_data_ptr<float>(), rows, d, out, d);
  if (post) kernels.norm(before, post.rule(), {rows, 1, d, d}, y, moments);
  if (!added_at_once) kernels.add_scaled(x, static_cast<float>(residual), y, rows * d, y);
}

const float* BlockEnd::backward(const at::Tensor& like, const float* dy, int64_t rows, int64_t d,
                                const float* before, const NormMoments& moments, float* room,
                                float* d_bias, float* d_post) const {
  const float* out = dy;
  if (residual != 1) {
    kernels_of(like).add_scaled(nullptr, static_cast<float>(residual), dy, rows * d, room);
    out = room;
  }
  if (post) {
    norm_backward(like, out, before, post, {rows, 1, d, d}, moments, nullptr, room, d_post,
                  nullptr);
    out = room;
  }
  bias_gradient(like, out, d, rows, d, d_bias);
  return out;
}

}  // namespace slipway
