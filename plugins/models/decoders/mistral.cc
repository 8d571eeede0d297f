// Mistral: a Llama whose layers all have a window, where its configuration has one.
#include "slipway/decoder.hpp"

struct Mistral : slipway::Decoder<Mistral> {
  static constexpr auto id = "org.slipway.model.mistral", name = "Mistral",
                        help = "Mistral: sliding windows.";
  using Decoder::Decoder;

  static slipway::DecoderShape shape(const slipway::DecoderConfig& c) {
    c.require_model("mistral", "MistralForCausalLM");
    slipway::DecoderShape s(c, {.max_positions = 131072, .kv_heads = 8});
    s.rotate(c);
    const double window = c.above_zero_or_none("sliding_window", 4096);
    for (const bool slides : s.sliding_layers(c, [&](int64_t) { return window > 0; }))
      if (slides != (window > 0))
        slipway::ModelConfig::bad("layer_types",
                                  "differ from \"sliding_window\": this is a ministral");
    for (slipway::DecoderBlock& block : s.blocks) block.window = static_cast<int64_t>(window);
    return s;
  }
};

SLW_EXPORT_MODEL(Mistral);
