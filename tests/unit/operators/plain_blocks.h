// Halves of a decoder block with options as compositions of LibTorch's operators, and how far
// another way of computing them is from that.
#pragma once
#include <algorithm>

#include "operators/blocks.h"
#include "tests/unit/largest.h"

namespace slipway::plain {

// Of the processor's numbers alone: an emulated device has none to seed.
inline void seed(uint64_t number) {
  at::Generator generator = at::globalContext().defaultGenerator(at::kCPU);
  generator.set_current_seed(number);
}
inline at::Tensor weight(at::IntArrayRef shape, double scale = 1) {
  return at::randn(shape) * scale;
}
// 10000^(-2i/(2 half)).
inline at::Tensor frequencies(int64_t half) {
  return at::pow(10000.0, at::arange(half, at::kFloat) / static_cast<double>(-half));
}

struct Sizes {
  int64_t hidden, heads, kv_heads, width;
};
// Those of a Llama.
inline AttentionBlock attention_weights(const Sizes& s) {
  AttentionBlock b;
  b.norm = weight({s.hidden});
  b.q = weight({s.heads * s.width, s.hidden}, 0.2),
  b.k = weight({s.kv_heads * s.width, s.hidden}, 0.2),
  b.v = weight({s.kv_heads * s.width, s.hidden}, 0.2),
  b.o = weight({s.hidden, s.heads * s.width}, 0.2);
  b.inverse_frequencies = frequencies(s.width / 2);
  b.heads = s.heads, b.kv_heads = s.kv_heads, b.width = s.width, b.scale = 0.3;
  return b;
}
inline FeedForwardBlock feed_forward_weights(int64_t hidden, int64_t inner) {
  FeedForwardBlock b;
  b.norm = weight({hidden});
  b.gate = weight({inner, hidden}, 0.2), b.up = weight({inner, hidden}, 0.2),
  b.down = weight({hidden, inner}, 0.2);
  return b;
}

// The weights that are there; and the block with others in their place.
inline std::vector<at::Tensor*> places(AttentionBlock& b) {
  return {&b.norm,   &b.norm_bias, &b.q,      &b.k,      &b.v,      &b.o,        &b.q_bias,
          &b.k_bias, &b.v_bias,    &b.o_bias, &b.q_norm, &b.k_norm, &b.post_norm};
}
inline std::vector<at::Tensor*> places(FeedForwardBlock& b) {
  return {&b.norm,      &b.norm_bias, &b.gate,      &b.up,       &b.down,
          &b.gate_bias, &b.up_bias,   &b.down_bias, &b.post_norm};
}
template <class Block>
std::vector<at::Tensor> weights(Block block) {
  std::vector<at::Tensor> out;
  for (const at::Tensor* w : places(block))
    if (w->defined()) out.push_back(*w);
  return out;
}
template <class Block>
Block with(Block block, const std::vector<at::Tensor>& others) {
  size_t next = 0;
  for (at::Tensor* w : places(block))
    if (w->defined()) *w = others[next++];
  return block;
}

inline at::Tensor plain_norm(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                             NormKind kind, double eps) {
  if (kind == NormKind::kLayer) return at::layer_norm(x, {x.size(-1)}, w, bias, eps);
  return x * at::rsqrt(x.pow(2).mean(-1, true) + eps) * (kind == NormKind::kRms ? w : 1 + w);
}
inline at::Tensor affine(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
  return bias.defined() ? at::linear(x, w) + bias : at::linear(x, w);
}
inline at::Tensor normed_heads(const at::Tensor& x_TD, const at::Tensor& w, int64_t width,
                               const AttentionBlock& b) {
  const at::Tensor x_THD = x_TD.reshape({x_TD.size(0), -1, width});
  if (!w.defined()) return x_THD;
  if (w.size(0) == width) return plain_norm(x_THD, w, {}, b.norm_kind, b.eps);
  return plain_norm(x_TD, w, {}, b.norm_kind, b.eps).reshape(x_THD.sizes());
}
inline at::Tensor turn(const at::Tensor& x_THD, const at::Tensor& positions,
                       const AttentionBlock& b) {
  if (!b.inverse_frequencies.defined()) return x_THD;
  const int64_t half = b.inverse_frequencies.numel(), rest = x_THD.size(2) - 2 * half;
  const at::Tensor angle = at::outer(positions.to(at::kFloat), b.inverse_frequencies).unsqueeze(1);
  const at::Tensor c = angle.cos() * b.rotary_scale, s = angle.sin() * b.rotary_scale,
                   first = x_THD.narrow(2, 0, half), second = x_THD.narrow(2, half, half);
  return at::cat({first * c - second * s, second * c + first * s, x_THD.narrow(2, 2 * half, rest)},
                 2);
}
inline at::Tensor end(const at::Tensor& x, const at::Tensor& out, const auto& b) {
  const at::Tensor normed =
      b.post_norm.defined() ? plain_norm(out, b.post_norm, {}, b.norm_kind, b.eps) : out;
  return x + b.residual * normed;
}

// allowed [T, T]: which keys a query sees.
inline at::Tensor attention(const at::Tensor& x, const AttentionBlock& b,
                            const at::Tensor& positions, const at::Tensor& allowed) {
  const at::Tensor h =
      b.norm.defined() ? plain_norm(x, b.norm, b.norm_bias, b.norm_kind, b.eps) : x;
  const int64_t attended = b.heads * b.width, cached = b.kv_heads * b.width;
  at::Tensor q = affine(h, b.q, b.q_bias), k, v;
  if (b.k.defined()) k = affine(h, b.k, b.k_bias), v = affine(h, b.v, b.v_bias);
  else
    k = q.narrow(1, attended, cached), v = q.narrow(1, attended + cached, cached),
    q = q.narrow(1, 0, attended);
  q = turn(normed_heads(q, b.q_norm, b.width, b), positions, b);
  k = turn(normed_heads(k, b.k_norm, b.width, b), positions, b)
          .repeat_interleave(b.heads / b.kv_heads, 1);
  v = v.reshape({x.size(0), b.kv_heads, b.width}).repeat_interleave(b.heads / b.kv_heads, 1);
  at::Tensor scores = at::einsum("qhd,khd->hqk", {q, k}) * b.scale;
  if (b.softcap > 0) scores = at::tanh(scores / b.softcap) * b.softcap;
  const at::Tensor p = at::softmax(scores.masked_fill(allowed.logical_not(), -INFINITY), -1),
                   out = at::einsum("hqk,khd->qhd", {p, v}).reshape({x.size(0), attended});
  return end(x, affine(out, b.o, b.o_bias), b);
}

inline at::Tensor feed_forward(const at::Tensor& x, const FeedForwardBlock& b) {
  const at::Tensor h =
      b.norm.defined() ? plain_norm(x, b.norm, b.norm_bias, b.norm_kind, b.eps) : x;
  at::Tensor up = affine(h, b.up, b.up_bias), gate;
  if (b.gate.defined()) gate = affine(h, b.gate, b.gate_bias);
  if (b.fused)
    gate = up.narrow(1, 0, up.size(1) / 2), up = up.narrow(1, up.size(1) / 2, up.size(1) / 2);
  const at::Tensor in = gate.defined() ? gate : up;
  const at::Tensor act = b.activation == Activation::kSilu       ? at::silu(in)
                         : b.activation == Activation::kGelu     ? at::gelu(in)
                         : b.activation == Activation::kGeluTanh ? at::gelu(in, "tanh")
                                                                 : at::relu(in);
  return end(x, affine(gate.defined() ? act * up : act, b.down, b.down_bias), b);
}

// Of values and gradients of two ways to compute from equal x and weights, ours(x, weights): of
// each tensor's largest value.
template <class Ours, class Theirs>
double largest_difference(const at::Tensor& x, const std::vector<at::Tensor>& weights, Ours ours,
                          Theirs theirs) {
  at::Tensor factors;
  const auto results = [&](const auto& way) {
    const at::Tensor leaf = x.detach().clone().requires_grad_(true);
    std::vector<at::Tensor> leaves;
    for (const at::Tensor& w : weights) leaves.push_back(w.detach().clone().requires_grad_(true));
    const at::Tensor y = way(leaf, leaves);
    if (!factors.defined()) factors = at::randn(y.sizes());
    (y * factors).sum().backward();
    std::vector<at::Tensor> out = {y.detach(), leaf.grad()};
    for (const at::Tensor& w : leaves) out.push_back(w.grad());
    return out;
  };
  const std::vector<at::Tensor> a = results(ours), b = results(theirs);
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i)
    largest = largest_of(
        {largest, ((a[i] - b[i]).abs().max() / b[i].abs().max()).template item<double>()});
  return largest;
}

}  // namespace slipway::plain
