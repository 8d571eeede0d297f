// Qwen2 and Qwen2.5: a Llama with biases on query, key and value, and windows on the upper layers
// where its configuration asks for them.
#include "slipway/decoder.hpp"

struct Qwen2 : slipway::Decoder<Qwen2> {
  static constexpr auto id = "org.slipway.model.qwen2", name = "Qwen2",
                        help = "Qwen2 and Qwen2.5: biases on query, key and value.";
  using Decoder::Decoder;

  static slipway::DecoderShape shape(const slipway::DecoderConfig& c) {
    c.require_model("qwen2", "Qwen2ForCausalLM");
    slipway::DecoderShape s(c, {.max_positions = 32768, .kv_heads = 32});
    s.qkv_bias = true;
    s.rotate(c);
    const double window = c.above_zero_or_none("sliding_window", 4096),
                 first = c.at_least_zero("max_window_layers", 28);
    const bool slides = c.flag("use_sliding_window", false) && window > 0;
    s.slide(c, slides ? static_cast<int64_t>(window) : 0,
            [&](int64_t layer) { return slides && static_cast<double>(layer) >= first; });
    return s;
  }
};

SLW_EXPORT_MODEL(Qwen2);
