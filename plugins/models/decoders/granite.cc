// Granite 3: a Llama with factors on embeddings, scores, what blocks add, and logits.
#include "slipway/decoder.hpp"

struct Granite : slipway::Decoder<Granite> {
  static constexpr auto id = "org.slipway.model.granite", name = "Granite",
                        help = "Granite 3: multipliers.";
  using Decoder::Decoder;

  static slipway::DecoderShape shape(const slipway::DecoderConfig& c) {
    c.require_model("granite", "GraniteForCausalLM");
    slipway::DecoderShape s(c);
    s.qkv_bias = s.output_bias = c.flag("attention_bias", false);
    s.feed_forward_bias = c.flag("mlp_bias", false);
    s.rotate(c);
    s.embedding_scale = c.above_zero("embedding_multiplier", 1);
    s.residual = c.above_zero("residual_multiplier", 1);
    s.logits_scale = 1 / c.above_zero("logits_scaling", 1);
    for (slipway::DecoderBlock& block : s.blocks)
      block.scale = c.above_zero("attention_multiplier", 1);
    return s;
  }
};

SLW_EXPORT_MODEL(Granite);
