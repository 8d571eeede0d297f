// OLMo 2: norms behind attention and feed-forward instead of before them, and on the whole rows of
// query and key.
#include "slipway/decoder.hpp"

struct Olmo2 : slipway::Decoder<Olmo2> {
  static constexpr auto id = "org.slipway.model.olmo2", name = "OLMo 2",
                        help = "OLMo 2: norms behind attention and feed-forward.";
  using Decoder::Decoder;

  static slipway::DecoderShape shape(const slipway::DecoderConfig& c) {
    c.require_model("olmo2", "Olmo2ForCausalLM");
    slipway::DecoderShape s(c, {.eps = 1e-5});
    s.as_olmo(c);
    s.rotate(c);
    return s;
  }
};

SLW_EXPORT_MODEL(Olmo2);
