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
#include "decoder_shape.hpp"
#include "plugin_torch.hpp"

namespace slipway {

template <class Self>
class Decoder : public TorchModel<Self> {
 public:
  static constexpr auto version = "1.0.0", license = "Apache-2.0";

  // `host`, for warnings, may be nullptr; `all` is what create() got.
  Decoder(const slw_host *host, const ModelConfig &, const ModelConfig &all)
      : shape_(checked_shape(host, DecoderConfig(all))) {
    declare_embedding();
    for (int64_t i = 0; i < shape_.layers; ++i) declare_block(i);
    const auto head = static_cast<int32_t>(shape_.layers + 1);
    norm_ = norm_of(shape_.names.norm, shape_.hidden, head, true);
    head_ = this->parameter(shape_.names.head + ".weight", {shape_.vocab, shape_.hidden}, head,
                            {SLW_INIT_NORMAL, shape_.init_std, true, shape_.tied ? 0 : -1});
    this->attends(shape_.layers, shape_.kv_heads, shape_.width);
  }

  Tensor forward(int32_t segment, const Tensor &x, const Tensor &positions, int64_t context,
                 bool) const {
    if (segment == 0) return embedded(x, positions);
    if (segment <= shape_.layers) return block(segment - 1, x, positions, context);
    const Tensor h =
        ops::norm(x, this->weight(*norm_.weight), of(norm_.bias), shape_.norm, shape_.eps);
    const Tensor logits = ops::linear(h, this->weight(head_));
    return ops::softcap(ops::scaled(logits, shape_.logits_scale), shape_.logits_softcap);
  }

  slw_model_info info() const {
    slw_model_info out{};
    out.vocab_size = shape_.vocab;
    out.max_positions = shape_.max_positions;
    for (const RotaryPositions &each : shape_.rotary)
      out.max_positions = std::min(out.max_positions, each.longest);
    out.hidden_size = shape_.hidden;
    out.segment_count = static_cast<int32_t>(shape_.layers + 2);
    out.kv_bytes_per_token =
        static_cast<uint64_t>(2 * 4 * shape_.layers * shape_.kv_heads * shape_.width);
    out.flops_per_token = 2.0 * static_cast<double>(matrix_values_ + shape_.vocab * shape_.hidden);
    return out;
  }

 private:
  using Index = std::optional<size_t>;  // of a parameter; none: the model has no such part
  struct Part {
    Index weight, bias;
  };
  struct Block {
    Part attention_norm, q, k, v, o, feed_forward_norm, gate, up, down;
    Index q_norm, k_norm, attention_post_norm, feed_forward_post_norm;
  };

  static DecoderShape checked_shape(const slw_host *host, const DecoderConfig &c) {
    DecoderShape out = Self::shape(c);
    const double width = static_cast<double>(out.width);
    c.same_unless_read("attention_multiplier", 1 / std::sqrt(width));
    c.same_unless_read("query_pre_attn_scalar", width);
    c.same_unless_read("rotary_pct", 1);
    c.same_unless_read("rotary_dim", width);
    (void)c.number("attention_dropout", 0);  // the host's affair, which trains
    c.require_plain_layers();
    std::string unknown;
    for (const std::string &key : c.rest())
      unknown += (unknown.empty() ? "\"" : ", \"") + key + "\"";
    const std::string text =
        "config.json: these keys are not known and change nothing here: " + unknown.substr(0, 500);
    if (!unknown.empty() && host != nullptr)
      host->log(host, SLW_LOG_WARN, {text.data(), text.size()});
    return out;
  }

  // ---- parameters ------------------------------------------------------------------------------
  Index matrix_of(const std::string &name, int64_t rows, int64_t columns, int32_t segment) {
    matrix_values_ += rows * columns;
    if (shape_.transposed) std::swap(rows, columns);
    return this->parameter(name + ".weight", {rows, columns}, segment,
                           {SLW_INIT_NORMAL, shape_.init_std, true, -1});
  }
  Index bias_of(const std::string &name, int64_t count, int32_t segment, bool there) {
    if (!there) return std::nullopt;
    return this->parameter(name + ".bias", {count}, segment, {SLW_INIT_ZERO, 0, false, -1});
  }
  Part linear_of(const std::string &name, int64_t rows, int64_t columns, int32_t segment,
                 bool bias) {
    return {matrix_of(name, rows, columns, segment), bias_of(name, rows, segment, bias)};
  }
  Part norm_of(const std::string &name, int64_t count, int32_t segment, bool there) {
    if (!there) return {};
    const slw_init init = shape_.norm == SLW_NORM_RMS_PLUS_ONE ? SLW_INIT_ZERO : SLW_INIT_ONE;
    const size_t weight = this->parameter(name + ".weight", {count}, segment, {init, 0, false, -1});
    return {weight, bias_of(name, count, segment, shape_.norm == SLW_NORM_LAYER)};
  }

  void declare_embedding() {
    const typename TorchModel<Self>::Init drawn{SLW_INIT_NORMAL, shape_.init_std, true, -1};
    embedding_ = this->parameter(shape_.names.embedding + ".weight", {shape_.vocab, shape_.hidden},
                                 0, drawn);
    if (!shape_.names.positions.empty())
      positions_ = this->parameter(shape_.names.positions + ".weight",
                                   {shape_.max_positions, shape_.hidden}, 0, drawn);
  }

  void declare_block(int64_t layer) {
    const DecoderNames &n = shape_.names;
    const std::string at = n.layers + std::to_string(layer) + ".";
    const auto segment = static_cast<int32_t>(layer + 1);
    const int64_t d = shape_.hidden, queries = shape_.heads * shape_.width,
                  keys = shape_.kv_heads * shape_.width, f = shape_.ffn;
    const auto norm = [&](const std::string &name, int64_t count) {
      return norm_of(at + name, count, segment, !name.empty());
    };
    const auto linear = [&](const std::string &name, int64_t rows, int64_t columns, bool bias) {
      return linear_of(at + name, rows, columns, segment, bias);
    };
    Block &b = blocks_.emplace_back();
    b.attention_norm = norm(n.attention_norm, d);
    if (!n.qkv.empty()) {
      b.q = linear(n.qkv, queries + 2 * keys, d, shape_.qkv_bias);
    } else {
      b.q = linear(n.q, queries, d, shape_.qkv_bias);
      b.k = linear(n.k, keys, d, shape_.qkv_bias);
      b.v = linear(n.v, keys, d, shape_.qkv_bias);
    }
    b.o = linear(n.o, d, queries, shape_.output_bias);
    if (shape_.head_norm != DecoderShape::HeadNorm::kNone) {
      const bool row = shape_.head_norm == DecoderShape::HeadNorm::kRow;
      b.q_norm = norm(n.q_norm, row ? queries : shape_.width).weight;
      b.k_norm = norm(n.k_norm, row ? keys : shape_.width).weight;
    }
    b.attention_post_norm = norm(n.attention_post_norm, d).weight;
    b.feed_forward_norm = norm(n.feed_forward_norm, d);
    if (n.gate_up.empty() && !n.gate.empty())
      b.gate = linear(n.gate, f, d, shape_.feed_forward_bias);
    b.up = n.gate_up.empty() ? linear(n.up, f, d, shape_.feed_forward_bias)
                             : linear(n.gate_up, 2 * f, d, shape_.feed_forward_bias);
    b.down = linear(n.down, d, f, shape_.feed_forward_bias);
    b.feed_forward_post_norm = norm(n.feed_forward_post_norm, d).weight;
  }

  // ---- the forward pass ------------------------------------------------------------------------
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

  Tensor block(int64_t layer, const Tensor &x_TD, const Tensor &positions_T,
               int64_t context) const {
    const auto i = static_cast<size_t>(layer);
    const Block &b = blocks_[i];
    const DecoderBlock &s = shape_.blocks[i];
    const Tensor y_TD = ops::attention_block(
        x_TD, positions_T, layer, context,
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
         .rotary_scale = s.rotary < 0 ? 1 : shape_.rotary[static_cast<size_t>(s.rotary)].scale,
         .scale = s.scale,
         .softcap = shape_.softcap,
         .window = s.window,
         .residual = shape_.residual});
    return ops::feed_forward_block(y_TD, {.norm = of(b.feed_forward_norm.weight),
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

  DecoderShape shape_;
  int64_t matrix_values_ = 0;  // of all blocks
  size_t embedding_ = 0, head_ = 0;
  Index positions_;
  Part norm_;
  std::vector<Block> blocks_;
  mutable std::vector<Tensor> frequencies_;  // made when they are first asked for
};

}  // namespace slipway
