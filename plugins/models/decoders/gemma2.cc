// Gemma 2: four norms a block that multiply by 1 + w, GeGLU, softcaps on scores and logits, a
// window on every second layer, scaled embeddings.
#include "slipway/decoder.hpp"

struct Gemma2 : slipway::Decoder<Gemma2> {
  static constexpr auto id = "org.slipway.model.gemma2", name = "Gemma 2",
                        help = "Gemma 2: softcaps, four norms a block, alternating windows.";
  using Decoder::Decoder;

  static slipway::DecoderShape shape(const slipway::DecoderConfig& c) {
    c.require_model("gemma2", "Gemma2ForCausalLM");
    slipway::DecoderShape s(c, {.max_positions = 8192, .kv_heads = 4, .width = 256, .tied = true});
    s.as_gemma(c);
    s.softcap = c.above_zero_or_none("attn_logit_softcapping", 50);
    s.logits_softcap = c.above_zero_or_none("final_logit_softcapping", 30);
    s.rotate(c);
    s.slide(c, static_cast<int64_t>(c.above_zero_or_none("sliding_window", 4096)),
            [](int64_t layer) { return layer % 2 == 0; });
    return s;
  }
};

SLW_EXPORT_MODEL(Gemma2);
