// Decoder blocks with options, composed of LibTorch's operators and the host's attention.
#include "base/error.h"
#include "operators/blocks.h"
#include "operators/linear.h"
#include "operators/operators.h"

namespace slipway {
namespace {

at::Tensor affine(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
  const at::Tensor y = slipway::linear(x, w);
  return bias.defined() ? y + bias : y;
}

// Of each head, or of the whole row.
at::Tensor normed_heads(const at::Tensor& x_THD, const at::Tensor& w, NormKind kind, double eps) {
  if (!w.defined()) return x_THD;
  if (w.numel() == x_THD.size(2)) return norm(x_THD, w, {}, kind, eps);
  return norm(x_THD.reshape({x_THD.size(0), -1}), w, {}, kind, eps).view(x_THD.sizes());
}

}  // namespace

at::Tensor attention_block(const at::Tensor& x, const AttentionBlock& b,
                           const at::Tensor& positions, int64_t layer, int64_t context) {
  const int64_t rows = x.size(0), attended = b.heads * b.width, cached = b.kv_heads * b.width;
  const at::Tensor h = b.norm.defined() ? norm(x, b.norm, b.norm_bias, b.norm_kind, b.eps) : x;
  at::Tensor q = affine(h, b.q, b.q_bias), k, v;
  if (b.k.defined()) {
    k = affine(h, b.k, b.k_bias), v = affine(h, b.v, b.v_bias);
  } else {
    k = q.narrow(1, attended, cached), v = q.narrow(1, attended + cached, cached);
    q = q.narrow(1, 0, attended);
  }
  q = normed_heads(q.reshape({rows, b.heads, b.width}), b.q_norm, b.norm_kind, b.eps);
  k = normed_heads(k.reshape({rows, b.kv_heads, b.width}), b.k_norm, b.norm_kind, b.eps);
  if (b.inverse_frequencies.defined()) {
    q = rope(q, positions, b.inverse_frequencies, b.rotary_scale);
    k = rope(k, positions, b.inverse_frequencies, b.rotary_scale);
  }
  at::Tensor out = attention(q, k, v.reshape({rows, b.kv_heads, b.width}), b.scale, b.softcap,
                             b.window, layer, context);
  out = affine(out.view({rows, attended}), b.o, b.o_bias);
  if (b.post_norm.defined()) out = norm(out, b.post_norm, {}, b.norm_kind, b.eps);
  return x + b.residual * out;
}

at::Tensor feed_forward_block(const at::Tensor& x, const FeedForwardBlock& b) {
  const at::Tensor h = b.norm.defined() ? norm(x, b.norm, b.norm_bias, b.norm_kind, b.eps) : x;
  at::Tensor up = affine(h, b.up, b.up_bias), gate;
  if (b.gate.defined()) gate = affine(h, b.gate, b.gate_bias);
  if (b.fused) {
    gate = up.narrow(1, 0, up.size(1) / 2).contiguous();
    up = up.narrow(1, up.size(1) / 2, up.size(1) / 2).contiguous();
  }
  at::Tensor out = affine(gated(gate, up, b.activation), b.down, b.down_bias);
  if (b.post_norm.defined()) out = norm(out, b.post_norm, {}, b.norm_kind, b.eps);
  return x + b.residual * out;
}

// ---- single steps -------------------------------------------------------------------------------

at::Tensor linear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
  return affine(x, w, bias);
}

at::Tensor norm(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias, NormKind kind,
                double eps) {
  if (kind == NormKind::kLayer) return at::layer_norm(x, {x.size(-1)}, w, bias, eps);
  return rms_norm(x, kind == NormKind::kRmsPlusOne ? w + 1 : w, eps);
}

at::Tensor rope(const at::Tensor& x, const at::Tensor& positions, const at::Tensor& inverse,
                double scale) {
  const int64_t half = inverse.numel(), rest = x.size(2) - 2 * half;
  const at::Tensor angle = at::outer(positions.to(at::kFloat), inverse.to(x.device())).unsqueeze(1),
                   c = angle.cos() * scale, s = angle.sin() * scale;
  const at::Tensor a = x.narrow(2, 0, half), b = x.narrow(2, half, half);
  return at::cat({a * c - b * s, b * c + a * s, x.narrow(2, 2 * half, rest)}, 2);
}

at::Tensor gated(const at::Tensor& gate, const at::Tensor& up, Activation activation) {
  const at::Tensor& x = gate.defined() ? gate : up;
  const at::Tensor act = activation == Activation::kSilu   ? at::silu(x)
                         : activation == Activation::kGelu ? at::gelu(x)
                         : activation == Activation::kRelu ? at::relu(x)
                                                           : at::gelu(x, "tanh");
  return gate.defined() ? act * up : act;
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale,
                     double softcap, int64_t window, int64_t layer, int64_t context) {
  if (softcap != 0 || window != 0)
    fail("slipway::attention_v2: softcap and window are not implemented yet");
  return attention(q, k, v, scale, layer, context);
}

at::Tensor scaled(const at::Tensor& x, double factor) { return x * factor; }
at::Tensor softcap(const at::Tensor& x, double cap) { return at::tanh(x / cap) * cap; }
at::Tensor add(const at::Tensor& a, const at::Tensor& b) { return a + b; }

}  // namespace slipway
