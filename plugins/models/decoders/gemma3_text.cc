// Gemma 3, the text model: a Gemma 2 with norms on the heads of query and key instead of a softcap
// on scores, windows on five of six layers, which have rotary positions of their own.
#include "slipway/decoder.hpp"

struct Gemma3 : slipway::Decoder<Gemma3> {
  static constexpr auto id = "org.slipway.model.gemma3_text", name = "Gemma 3",
                        help = "Gemma 3: norms on heads, windows on five of six layers.";
  using Decoder::Decoder;

  static slipway::DecoderShape shape(const slipway::DecoderConfig& c) {
    c.require_model("gemma3_text", "Gemma3ForCausalLM");
    slipway::DecoderShape s(c,
                            {.max_positions = 131072, .kv_heads = 4, .width = 256, .tied = true});
    s.as_gemma(c);
    s.head_norm = slipway::DecoderShape::HeadNorm::kHead;
    s.logits_softcap = c.above_zero_or_none("final_logit_softcapping", 0);
    s.rotate_by_type(c, 1'000'000, 10'000, "rope_local_base_freq");
    const int64_t pattern = c.positive("sliding_window_pattern", 6);
    if (!c.has("layer_types")) c.same("_sliding_window_pattern", static_cast<double>(pattern));
    c.ignore({"_sliding_window_pattern"});  // restates the list
    s.slide(c, static_cast<int64_t>(c.above_zero_or_none("sliding_window", 4096)),
            [&](int64_t layer) { return (layer + 1) % pattern != 0; });
    return s;
  }
};

SLW_EXPORT_MODEL(Gemma3);
