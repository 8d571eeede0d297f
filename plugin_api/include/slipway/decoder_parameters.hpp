// SPDX-License-Identifier: Apache-2.0
// decoder_parameters.hpp -- the parameters of a decoder-only transformer, declared by its shape.
// C++20.
#pragma once
#include "decoder_shape.hpp"
#include "plugin_torch.hpp"

namespace slipway {

// Self::shape(DecoderConfig) says what the model is.
template <class Self>
class DecoderParameters : public TorchModel<Self> {
 public:
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

 protected:
  using Index = std::optional<size_t>;  // of a parameter; none: the model has no such part
  struct Part {
    Index weight, bias;
  };
  struct Block {
    Part attention_norm, q, k, v, o, feed_forward_norm, gate, up, down;
    Index q_norm, k_norm, attention_post_norm, feed_forward_post_norm;
  };

  DecoderParameters(const slw_host *host, const DecoderConfig &c) : shape_(checked_shape(host, c)) {
    declare_embedding();
    for (int64_t i = 0; i < shape_.layers; ++i) declare_block(i);
    const auto head = static_cast<int32_t>(shape_.layers + 1);
    norm_ = norm_of(shape_.names.norm, shape_.hidden, head, true);
    head_ = this->parameter(shape_.names.head + ".weight", {shape_.vocab, shape_.hidden}, head,
                            {SLW_INIT_NORMAL, shape_.init_std, true, shape_.tied ? 0 : -1});
    this->attends(shape_.layers, shape_.kv_heads, shape_.width);
  }

  const DecoderShape shape_;
  size_t embedding_ = 0, head_ = 0;
  Index positions_;
  Part norm_;
  std::vector<Block> blocks_;

 private:
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

  int64_t matrix_values_ = 0;  // of all blocks
};

}  // namespace slipway
