// q, k and v on their way to attention, and their gradients on the way back.
#include "operators/projected_heads.h"

namespace slipway {

ProjectedHeads::Part ProjectedHeads::part(const at::Tensor& weight, int64_t heads, int64_t first,
                                          int64_t moments) const {
  static const at::Tensor kNone;
  const int64_t width = weight.defined() ? weight.size(0) : 0,
                groups = width == call_.shape.width ? heads : 1;
  return {{weight, kNone, block_.norm_kind, block_.eps},
          {call_.rows, groups, width, call_.columns()},
          first,
          moments};
}
ProjectedHeads::Part ProjectedHeads::q_part() const {
  return part(block_.q_norm, call_.shape.heads, 0, 0);
}
ProjectedHeads::Part ProjectedHeads::k_part() const {
  return part(block_.k_norm, call_.shape.kv_heads, call_.attended(),
              2 * call_.rows * call_.shape.heads);
}

void ProjectedHeads::rotate(Kernels& kernels, float sign, float* qkv) const {
  if (angles_.half > 0)
    kernels.rope(qkv, call_.columns(), positions_, angles_, sign, call_.rows, both(),
                 call_.shape.width, qkv, call_.columns());
}

void ProjectedHeads::add_biases(Kernels& kernels, float* qkv) const {
  const auto add = [&](const at::Tensor& bias, int64_t first) {
    if (bias.defined())
      kernels.add_bias(bias.const_data_ptr<float>(), call_.rows, bias.size(0), qkv + first,
                       call_.columns());
  };
  add(block_.q_bias, 0);
  add(block_.k_bias, call_.attended());
  add(block_.v_bias, call_.attended() + call_.cached());
}

void ProjectedHeads::bias_gradients(const at::Tensor& like, const float* d_qkv, float* d_q_bias,
                                    float* d_k_bias, float* d_v_bias) const {
  const auto add = [&](const at::Tensor& bias, int64_t first, float* to) {
    if (bias.defined())
      bias_gradient(like, d_qkv + first, call_.columns(), call_.rows, bias.size(0), to);
  };
  add(block_.q_bias, 0, d_q_bias);
  add(block_.k_bias, call_.attended(), d_k_bias);
  add(block_.v_bias, call_.attended() + call_.cached(), d_v_bias);
}

void ProjectedHeads::turn(Kernels& kernels, float* qkv, float* moments) const {
  for (const Part& p : {q_part(), k_part()})
    if (p.norm)
      kernels.norm(qkv + p.first, p.norm.rule(), p.rows, qkv + p.first,
                   p.norm.moments(moments + p.moments, p.rows.rows * p.rows.groups));
  rotate(kernels, 1.0f, qkv);
}

void ProjectedHeads::turn_back(const at::Tensor& like, const float* raw, float* moments,
                               float* d_qkv, float* d_q_norm, float* d_k_norm) const {
  rotate(kernels_of(like), -1.0f, d_qkv);
  const Part q = q_part(), k = k_part();
  const auto back = [&](const Part& p, float* d_w) {
    if (p.norm)
      norm_backward(like, d_qkv + p.first, raw + p.first, p.norm, p.rows,
                    p.norm.moments(moments + p.moments, p.rows.rows * p.rows.groups), nullptr,
                    d_qkv + p.first, d_w, nullptr);
  };
  back(q, d_q_norm), back(k, d_k_norm);
}

}  // namespace slipway
