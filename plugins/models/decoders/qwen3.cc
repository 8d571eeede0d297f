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
    s.slide_as_qwen(c);
    return s;
  }
};

SLW_EXPORT_MODEL(Qwen3);
