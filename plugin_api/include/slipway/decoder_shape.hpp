// SPDX-License-Identifier: Apache-2.0
// decoder_shape.hpp -- what one decoder differs from another by: sizes, names of its parameters,
// norms, positions, windows, factors; and how most of it is read from a config.json. C++17.
#pragma once
#include "operators.h"
#include "rotary.hpp"

namespace slipway {

// Names in Hugging Face's files, of parameters without ".weight". "" = the model has no such part.
struct DecoderNames {
  std::string embedding = "model.embed_tokens", positions{}, layers = "model.layers.",
              norm = "model.norm", head = "lm_head";
  // of a block
  std::string attention_norm = "input_layernorm", attention_post_norm{};
  std::string q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj",
              o = "self_attn.o_proj", q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm";
  std::string qkv{};  // one matrix, in the place of q, k and v
  std::string feed_forward_norm = "post_attention_layernorm", feed_forward_post_norm{};
  std::string gate = "mlp.gate_proj", up = "mlp.up_proj", down = "mlp.down_proj";
  std::string gate_up{};  // one matrix, in the place of gate and up
};

struct DecoderBlock {
  double scale = 1;    // of scores
  int64_t window = 0;  // keys that a query sees; 0 = all before it
  int rotary = 0;      // which of DecoderShape::rotary; -1 = none
};

// What a config.json means where it leaves something out. 0 = it follows from the rest.
struct DecoderDefaults {
  int64_t max_positions = 2048, kv_heads = 0, width = 0;
  double eps = 1e-6;
  bool tied = false;
};

struct DecoderShape {
  enum class HeadNorm { kNone, kHead, kRow };

  int64_t hidden = 0, ffn = 0, layers = 0, heads = 0, kv_heads = 0, width = 0, vocab = 0,
          max_positions = 0;
  double eps = 1e-6, init_std = 0.02;
  bool tied = false;
  DecoderNames names{};
  bool qkv_bias = false, output_bias = false, feed_forward_bias = false;
  bool transposed = false;  // matrices of blocks lie [inputs, outputs] in the files
  HeadNorm head_norm = HeadNorm::kNone;
  slw_norm norm = SLW_NORM_RMS;
  slw_activation activation = SLW_ACTIVATION_SILU;
  double embedding_scale = 1, residual = 1, softcap = 0, logits_scale = 1, logits_softcap = 0;
  std::vector<RotaryPositions> rotary{};
  std::vector<DecoderBlock> blocks{};  // one a layer

  DecoderShape() = default;
  // Sizes, eps, tie, activation; every block has full attention with scores over sqrt(width).
  // Throws Error naming the key.
  explicit DecoderShape(const DecoderConfig &c, const DecoderDefaults &defaults = {});

  // Once the sizes are there: checks them, and makes the blocks.
  void complete();
  // Every block has the rotary positions of the config.json.
  void rotate(const DecoderConfig &c, const RotaryDefaults &defaults = {}) {
    rotary = {rotary_positions(c, rotary_table(c), width, max_positions, defaults)};
  }
  // Blocks with a window have rotary positions of their own. `sliding_key` is beside the tables.
  void rotate_by_type(const DecoderConfig &c, double full_theta, double sliding_theta,
                      const char *sliding_key = nullptr) {
    RotaryDefaults full, sliding;
    full.theta = full_theta, sliding.theta = sliding_theta, sliding.theta_key = sliding_key;
    rotary = {rotary_positions(c, rotary_table(c, "full_attention"), width, max_positions, full),
              rotary_positions(c, rotary_table(c, "sliding_attention"), width, max_positions,
                               sliding)};
  }
  // What Gemma 2 and 3 have in common.
  void as_gemma(const DecoderConfig &c);
  // What OLMo 2 and 3 have in common: norms behind a block's halves, and of whole rows of q and k.
  void as_olmo(const DecoderConfig &c) {
    qkv_bias = output_bias = c.flag("attention_bias", false);
    head_norm = HeadNorm::kRow;
    names.attention_norm = names.feed_forward_norm = "";
    names.attention_post_norm = "post_attention_layernorm";
    names.feed_forward_post_norm = "post_feedforward_layernorm";
  }
  // Blocks have a window as in Qwen 2 and 3: from "max_window_layers" on, where
  // "use_sliding_window" says so.
  void slide_as_qwen(const DecoderConfig &c) {
    const double window = c.above_zero_or_none("sliding_window", 4096),
                 first = c.at_least_zero("max_window_layers", 28);
    const bool slides = c.flag("use_sliding_window", false) && window > 0;
    slide(c, slides ? static_cast<int64_t>(window) : 0,
          [&](int64_t layer) { return slides && static_cast<double>(layer) >= first; });
  }
  // Blocks for which the list "layer_types" says so (without a list: sliding(layer)) see `window`
  // keys.
  template <class Sliding>
  void slide(const DecoderConfig &c, int64_t window, Sliding &&sliding) {
    const std::vector<bool> slides = sliding_layers(c, sliding);
    for (size_t i = 0; i < blocks.size(); ++i) {
      if (!slides[i]) continue;
      if (window == 0) ModelConfig::bad("sliding_window", "is missing: layers have one");
      blocks[i].window = window;
      if (rotary.size() == 2) blocks[i].rotary = 1;
    }
  }
  template <class Sliding>
  std::vector<bool> sliding_layers(const DecoderConfig &c, Sliding &&sliding) const {
    const auto types = c.list("layer_types");
    if (!types.empty() && types.size() != blocks.size())
      ModelConfig::bad("layer_types", "has not one entry a layer");
    std::vector<bool> out;
    for (size_t i = 0; i < blocks.size(); ++i) {
      const std::string type = types.empty()                  ? ""
                               : types[i]->type == SLW_STRING ? std::string(view(types[i]->v.s))
                                                              : "?";
      if (type != "" && type != "sliding_attention" && type != "full_attention")
        ModelConfig::bad("layer_types", "with \"" + type + "\" is not supported");
      out.push_back(types.empty() ? sliding(static_cast<int64_t>(i)) : type == "sliding_attention");
    }
    return out;
  }
};

inline slw_activation activation_of(const DecoderConfig &c, const char *key, const char *fallback) {
  const std::string name = c.text(key, fallback);
  if (name == "silu" || name == "swish") return SLW_ACTIVATION_SILU;
  if (name == "gelu") return SLW_ACTIVATION_GELU;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return SLW_ACTIVATION_GELU_TANH;
  if (name == "relu") return SLW_ACTIVATION_RELU;
  ModelConfig::bad(key, "is \"" + name +
                            "\", which is not supported (silu, gelu, gelu_new, gelu_pytorch_tanh "
                            "and relu are)");
}

inline DecoderShape::DecoderShape(const DecoderConfig &c, const DecoderDefaults &defaults)
    : hidden(c.positive("hidden_size")),
      ffn(c.positive("intermediate_size")),
      layers(c.positive("num_hidden_layers")),
      heads(c.positive("num_attention_heads")),
      vocab(c.positive("vocab_size")),
      max_positions(
          c.positive("max_position_embeddings", static_cast<double>(defaults.max_positions))),
      eps(c.at_least_zero("rms_norm_eps", defaults.eps)),
      init_std(c.at_least_zero("initializer_range", 0.02)),
      tied(c.flag("tie_word_embeddings", defaults.tied)),
      activation(activation_of(c, "hidden_act", "silu")) {
  const bool derived = c.is_null("num_key_value_heads") || defaults.kv_heads == 0;
  kv_heads =
      c.positive("num_key_value_heads", static_cast<double>(derived ? heads : defaults.kv_heads));
  const bool given = c.has("head_dim") || (defaults.width != 0 && !c.is_null("head_dim"));
  if (!given && hidden % heads != 0)
    ModelConfig::bad("hidden_size",
                     "does not divide into num_attention_heads; is \"head_dim\" missing?");
  width = given ? c.positive("head_dim", static_cast<double>(defaults.width)) : hidden / heads;
  complete();
}

inline void DecoderShape::as_gemma(const DecoderConfig &c) {
  const slw_activation other = activation;
  activation = activation_of(c, "hidden_activation", "gelu_pytorch_tanh");
  if (c.has("hidden_act") && other != activation)
    ModelConfig::bad("hidden_act", "is not what \"hidden_activation\" is");
  qkv_bias = output_bias = c.flag("attention_bias", false);
  norm = SLW_NORM_RMS_PLUS_ONE;
  names.attention_post_norm = "post_attention_layernorm";
  names.feed_forward_norm = "pre_feedforward_layernorm";
  names.feed_forward_post_norm = "post_feedforward_layernorm";
  embedding_scale = std::sqrt(static_cast<double>(hidden));
  for (DecoderBlock &block : blocks)
    block.scale = 1 / std::sqrt(c.above_zero("query_pre_attn_scalar", 256));
}

inline void DecoderShape::complete() {
  // Beyond every model that there is; a layer costs time and memory before any weight is seen.
  constexpr int64_t kMostLayers = 10'000;
  if (layers > kMostLayers)
    ModelConfig::bad("num_hidden_layers", "= " + std::to_string(layers) + " is more than " +
                                              std::to_string(kMostLayers));
  if (heads % kv_heads != 0)
    ModelConfig::bad("num_attention_heads", "is not a multiple of num_key_value_heads");
  if (width % 2 != 0) ModelConfig::bad("head_dim", "must be even for rotary positions");
  if (heads * width > 1'000'000'000)
    ModelConfig::bad("head_dim", "times num_attention_heads is too large");
  blocks.assign(static_cast<size_t>(layers), {1 / std::sqrt(static_cast<double>(width)), 0, 0});
}

}  // namespace slipway
