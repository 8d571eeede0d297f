// Llama and its relatives (SmolLM2): grouped-query attention, rotary positions of every scaling,
// SwiGLU, RMSNorm, tied or own head.
#include "slipway/decoder.hpp"

struct Llama : slipway::Decoder<Llama> {
  static constexpr auto id = "org.slipway.model.llama", name = "Llama",
                        help =
                            "Llama and SmolLM2: grouped-query attention, rotary positions, SwiGLU.";
  using Decoder::Decoder;

  static slipway::DecoderShape shape(const slipway::DecoderConfig& c) {
    c.require_model("llama", "LlamaForCausalLM");
    slipway::DecoderShape s(c);
    s.qkv_bias = s.output_bias = c.flag("attention_bias", false);
    s.feed_forward_bias = c.flag("mlp_bias", false);
    s.rotate(c);
    return s;
  }
};

SLW_EXPORT_MODEL(Llama);
