// OLMo 3: an OLMo 2 in which three of four layers have a window, and rotary positions of their own.
#include "slipway/decoder.hpp"

struct Olmo3 : slipway::Decoder<Olmo3> {
  static constexpr auto id = "org.slipway.model.olmo3", name = "OLMo 3",
                        help = "OLMo 3: norms behind attention and feed-forward, windows.";
  using Decoder::Decoder;

  static slipway::DecoderShape shape(const slipway::DecoderConfig& c) {
    c.require_model("olmo3", "Olmo3ForCausalLM");
    slipway::DecoderShape s(c, {.eps = 1e-5});
    s.as_olmo(c);
    s.rotate_by_type(c, 500'000, 500'000);
    s.slide(c, static_cast<int64_t>(c.above_zero_or_none("sliding_window", 4096)),
            [](int64_t layer) { return (layer + 1) % 4 != 0; });
    return s;
  }
};

SLW_EXPORT_MODEL(Olmo3);
