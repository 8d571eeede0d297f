// SPDX-License-Identifier: Apache-2.0
// decoder.hpp -- decoder-only transformers on path A, of which a family is what it differs by:
//   struct Mine : slipway::Decoder<Mine> {
//     static constexpr auto id = "org.example.mine", name = "Mine", help = "...";  // id ends in
//     static slipway::DecoderShape shape(const slipway::DecoderConfig &c) {  // its model_type
//       c.require_model("mine", "MineForCausalLM");
//       slipway::DecoderShape s(c);
//       s.rotate(c);
//       return s;
//     }
//     using Decoder::Decoder;
//   };
//   SLW_EXPORT_MODEL(Mine);
// Keys of config.json that shape() does not read must change nothing: else they are refused by
// name. plugins/models/decoders has families. C++20.
#pragma once
#include "decoder_parameters.hpp"

namespace slipway {

template <class Self>
class Decoder : public DecoderParameters<Self> {
  using Base = DecoderParameters<Self>;

 public:
  static constexpr auto version = "1.0.0", license = "Apache-2.0";

  // `host`, for warnings, may be nullptr; `all` is what create() got.
  Decoder(const slw_host *host, const ModelConfig &, const ModelConfig &all)
      : Base(host, DecoderConfig(all)) {}

  Tensor forward(int32_t segment, const Tensor &x, const Tensor &positions, int64_t context,
                 bool) const {
    if (segment == 0) return embedded(x, positions);
    if (segment <= shape_.layers) {
      const auto i = static_cast<size_t>(segment - 1);
      return feed_forward(blocks_[i], attention(i, x, positions, context));
    }
    const Tensor h =
        shape_.norm == SLW_NORM_RMS
            ? ops::rms_norm(x, this->weight(*norm_.weight), shape_.eps)
            : ops::norm(x, this->weight(*norm_.weight), of(norm_.bias), shape_.norm, shape_.eps);
    const Tensor logits = ops::linear(h, this->weight(head_));
    return ops::softcap(ops::scaled(logits, shape_.logits_scale), shape_.logits_softcap);
  }

 private:
  using Base::blocks_, Base::embedding_, Base::head_, Base::norm_, Base::positions_, Base::shape_;
  using typename Base::Block;
  using typename Base::Index;

  OptionalTensor of(const Index &index) const {
    return index ? OptionalTensor(this->weight(*index)) : std::nullopt;
  }
  Tensor matrix(const Index &index) const {
    const Tensor &w = this->weight(*index);
    return shape_.transposed ? torch::stable::contiguous(torch::stable::transpose(w, 0, 1)) : w;
  }
  OptionalTensor optional_matrix(const Index &index) const {
    return index ? OptionalTensor(matrix(index)) : std::nullopt;
  }
  OptionalTensor frequencies(int which) const {
    if (which < 0) return std::nullopt;
    while (frequencies_.size() <= static_cast<size_t>(which))
      frequencies_.push_back(ops::numbers(shape_.rotary[frequencies_.size()].inverse_frequencies));
    return frequencies_[static_cast<size_t>(which)];
  }

  Tensor embedded(const Tensor &ids_T, const Tensor &positions_T) const {
    const Tensor x_TD =
        ops::scaled(ops::embedding(this->weight(embedding_), ids_T), shape_.embedding_scale);
    return positions_ ? ops::add(x_TD, ops::embedding(this->weight(*positions_), positions_T))
                      : x_TD;
  }

  // Whether the halves are Llama's, which have operators of their own.
  bool is_plain(const Block &b, const DecoderBlock &s) const {
    return shape_.norm == SLW_NORM_RMS && b.attention_norm.weight && b.k.weight && !b.q.bias &&
           !b.o.bias && !b.q_norm && !b.attention_post_norm && shape_.residual == 1 &&
           shape_.softcap == 0 && s.window == 0 && s.rotary >= 0 && rotary(s).theta > 0;
  }
  bool is_plain(const Block &b) const {
    return shape_.norm == SLW_NORM_RMS && b.feed_forward_norm.weight && b.gate.weight &&
           !b.up.bias && !b.feed_forward_post_norm && shape_.residual == 1 &&
           shape_.activation == SLW_ACTIVATION_SILU;
  }
  const RotaryPositions &rotary(const DecoderBlock &s) const {
    return shape_.rotary[static_cast<size_t>(s.rotary)];
  }

  Tensor attention(size_t layer, const Tensor &x_TD, const Tensor &positions_T,
                   int64_t context) const {
    const Block &b = blocks_[layer];
    const DecoderBlock &s = shape_.blocks[layer];
    const auto at = static_cast<int64_t>(layer);
    if (is_plain(b, s))
      return ops::attention_block(x_TD, this->weight(*b.attention_norm.weight),
                                  this->weight(*b.q.weight), this->weight(*b.k.weight),
                                  this->weight(*b.v.weight), this->weight(*b.o.weight), positions_T,
                                  shape_.heads, shape_.kv_heads, shape_.eps, rotary(s).theta,
                                  s.scale, at, context);
    return ops::attention_block(x_TD, positions_T, at, context,
                                {.norm = of(b.attention_norm.weight),
                                 .norm_bias = of(b.attention_norm.bias),
                                 .q = matrix(b.q.weight),
                                 .k = optional_matrix(b.k.weight),
                                 .v = optional_matrix(b.v.weight),
                                 .o = matrix(b.o.weight),
                                 .q_bias = of(b.q.bias),
                                 .k_bias = of(b.k.bias),
                                 .v_bias = of(b.v.bias),
                                 .o_bias = of(b.o.bias),
                                 .q_norm = of(b.q_norm),
                                 .k_norm = of(b.k_norm),
                                 .post_norm = of(b.attention_post_norm),
                                 .inverse_frequencies = frequencies(s.rotary),
                                 .heads = shape_.heads,
                                 .kv_heads = shape_.kv_heads,
                                 .width = shape_.width,
                                 .norm_kind = shape_.norm,
                                 .eps = shape_.eps,
                                 .rotary_scale = s.rotary < 0 ? 1 : rotary(s).scale,
                                 .scale = s.scale,
                                 .softcap = shape_.softcap,
                                 .window = s.window,
                                 .residual = shape_.residual});
  }

  Tensor feed_forward(const Block &b, const Tensor &x_TD) const {
    if (is_plain(b))
      return ops::swiglu_block(x_TD, this->weight(*b.feed_forward_norm.weight),
                               this->weight(*b.gate.weight), this->weight(*b.up.weight),
                               this->weight(*b.down.weight), shape_.eps);
    return ops::feed_forward_block(x_TD, {.norm = of(b.feed_forward_norm.weight),
                                          .norm_bias = of(b.feed_forward_norm.bias),
                                          .gate = optional_matrix(b.gate.weight),
                                          .up = matrix(b.up.weight),
                                          .down = matrix(b.down.weight),
                                          .gate_bias = of(b.gate.bias),
                                          .up_bias = of(b.up.bias),
                                          .down_bias = of(b.down.bias),
                                          .post_norm = of(b.feed_forward_post_norm),
                                          .fused = !shape_.names.gate_up.empty(),
                                          .activation = shape_.activation,
                                          .norm_kind = shape_.norm,
                                          .eps = shape_.eps,
                                          .residual = shape_.residual});
  }

  mutable std::vector<Tensor> frequencies_;  // made when they are first asked for
};

}  // namespace slipway
