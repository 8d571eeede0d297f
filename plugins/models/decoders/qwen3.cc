// Qwen3: a norm on each head of query and key, a head width of its own.
#include "slipway/decoder.hpp"

struct Qwen3 : slipway::Decoder<Qwen3> {
  static constexpr auto id = "org.slipway.model.qwen3", name = "Qwen3",
                        help = "Qwen3: norms on the heads of query and key.";
  using Decoder::Decoder;

  static slipway::DecoderShape shape(const slipway::DecoderConfig& c) {
    c.require_model("qwen3", "Qwen3ForCausalLM");
    slipway::DecoderShape s(c, {.max_positions = 32768, .kv_heads = 32, .width = 128});
    s.qkv_bias = s.output_bias = c.flag("attention_bias", false);
    s.head_norm = slipway::DecoderShape::HeadNorm::kHead;
    s.rotate(c);
    const double window = c.above_zero_or_none("sliding_window", 4096),
                 first = c.at_least_zero("max_window_layers", 28);
    const bool slides = c.flag("use_sliding_window", false) && window > 0;
    s.slide(c, slides ? static_cast<int64_t>(window) : 0,
            [&](int64_t layer) { return slides && static_cast<double>(layer) >= first; });
    return s;
  }
};

SLW_EXPORT_MODEL(Qwen3);
