// SmolLM3: a Llama in which every fourth layer has no rotary positions.
#include "slipway/decoder.hpp"

struct SmolLM3 : slipway::Decoder<SmolLM3> {
  static constexpr auto id = "org.slipway.model.smollm3", name = "SmolLM3",
                        help = "SmolLM3: layers without rotary positions.";
  using Decoder::Decoder;

  static slipway::DecoderShape shape(const slipway::DecoderConfig& c) {
    c.require_model("smollm3", "SmolLM3ForCausalLM");
    slipway::DecoderShape s(c, {.max_positions = 32768, .kv_heads = 4, .tied = true});
    s.qkv_bias = s.output_bias = c.flag("attention_bias", false);
    s.feed_forward_bias = c.flag("mlp_bias", false);
    s.rotate(c, {.theta = 2'000'000});
    const int64_t interval = c.positive("no_rope_layer_interval", 4);
    const auto rotated = c.list("no_rope_layers");  // 1: the layer has rotary positions
    if (!rotated.empty() && rotated.size() != s.blocks.size())
      slipway::ModelConfig::bad("no_rope_layers", "has not one entry a layer");
    for (int64_t i = 0; i < s.layers; ++i) {
      const auto at = static_cast<size_t>(i);
      const bool rotates = rotated.empty() ? (i + 1) % interval != 0 : rotated[at]->v.i != 0;
      s.blocks[at].rotary = rotates ? 0 : -1;
    }
    const double window = c.above_zero_or_none("sliding_window", 0);
    const bool slides = c.flag("use_sliding_window", false) && window > 0;
    s.slide(c, slides ? static_cast<int64_t>(window) : 0,
            [&](int64_t i) { return slides && s.blocks[static_cast<size_t>(i)].rotary < 0; });
    return s;
  }
};

SLW_EXPORT_MODEL(SmolLM3);
