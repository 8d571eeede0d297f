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
    s.slide_as_qwen(c);
    return s;
  }
};

SLW_EXPORT_MODEL(Qwen2);
