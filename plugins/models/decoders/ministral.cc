// Ministral: a Mistral in which some layers have a window.
#include "slipway/decoder.hpp"

struct Ministral : slipway::Decoder<Ministral> {
  static constexpr auto id = "org.slipway.model.ministral", name = "Ministral",
                        help = "Ministral: sliding windows on some layers.";
  using Decoder::Decoder;

  static slipway::DecoderShape shape(const slipway::DecoderConfig& c) {
    c.require_model("ministral", "MinistralForCausalLM");
    slipway::DecoderShape s(c, {.max_positions = 131072, .kv_heads = 8});
    s.rotate(c);
    const double window = c.above_zero_or_none("sliding_window", 4096);
    s.slide(c, static_cast<int64_t>(window), [&](int64_t) { return window > 0; });
    return s;
  }
};

SLW_EXPORT_MODEL(Ministral);
