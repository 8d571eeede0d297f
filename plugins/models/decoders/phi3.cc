// Phi-3 and Phi-4: one matrix for query, key and value, one for gate and up; rotary positions on a
// part of a head; longrope for texts up to the length of the first training.
#include "slipway/decoder.hpp"

struct Phi3 : slipway::Decoder<Phi3> {
  static constexpr auto id = "org.slipway.model.phi3", name = "Phi-3",
                        help = "Phi-3 and Phi-4: fused projections, partial rotary positions.";
  using Decoder::Decoder;

  static slipway::DecoderShape shape(const slipway::DecoderConfig& c) {
    c.require_model("phi3", "Phi3ForCausalLM");
    slipway::DecoderShape s(c, {.max_positions = 4096, .eps = 1e-5});
    s.names.qkv = "self_attn.qkv_proj";
    s.names.gate_up = "mlp.gate_up_proj";
    // the host's affair, which trains
    for (const char* dropout : {"resid_pdrop", "embd_pdrop"}) (void)c.number(dropout, 0);
    s.rotate(c, {.partial = true, .original_positions = 4096, .yarn_is_longrope = true});
    const double window = c.above_zero_or_none("sliding_window", 0);
    for (slipway::DecoderBlock& block : s.blocks) block.window = static_cast<int64_t>(window);
    return s;
  }
};

SLW_EXPORT_MODEL(Phi3);
