// GPT-2: LayerNorm, learned positions, biases everywhere, a plain feed-forward part, matrices that
// lie [inputs, outputs] in the files.
#include "slipway/decoder.hpp"

struct Gpt2 : slipway::Decoder<Gpt2> {
  static constexpr auto id = "org.slipway.model.gpt2", name = "GPT-2",
                        help = "GPT-2: LayerNorm, learned positions, biases.";
  using Decoder::Decoder;

  static slipway::DecoderShape shape(const slipway::DecoderConfig& c) {
    c.require_model("gpt2", "GPT2LMHeadModel");
    slipway::DecoderShape s;
    s.hidden = c.positive("n_embd", 768);
    s.ffn = c.positive("n_inner", static_cast<double>(4 * s.hidden));
    s.layers = c.positive("n_layer", 12);
    s.heads = s.kv_heads = c.positive("n_head", 12);
    s.vocab = c.positive("vocab_size", 50257);
    s.max_positions = c.positive("n_positions", 1024);
    c.same("n_ctx", static_cast<double>(s.max_positions));
    if (s.hidden % s.heads != 0)
      slipway::ModelConfig::bad("n_embd", "does not divide into n_head heads");
    s.width = s.hidden / s.heads;
    s.eps = c.at_least_zero("layer_norm_epsilon", 1e-5);
    s.init_std = c.at_least_zero("initializer_range", 0.02);
    s.tied = c.flag("tie_word_embeddings", true);
    s.activation = slipway::activation_of(c, "activation_function", "gelu_new");
    s.norm = SLW_NORM_LAYER;
    s.qkv_bias = s.output_bias = s.feed_forward_bias = s.transposed = true;
    s.names = {.embedding = "transformer.wte",
               .positions = "transformer.wpe",
               .layers = "transformer.h.",
               .norm = "transformer.ln_f",
               .attention_norm = "ln_1",
               .o = "attn.c_proj",
               .qkv = "attn.c_attn",
               .feed_forward_norm = "ln_2",
               .gate = "",
               .up = "mlp.c_fc",
               .down = "mlp.c_proj"};
    s.complete();
    const bool scaled = c.flag("scale_attn_weights", true),
               by_layer = c.flag("scale_attn_by_inverse_layer_idx", false);
    for (size_t i = 0; i < s.blocks.size(); ++i) {
      s.blocks[i].rotary = -1;
      if (!scaled) s.blocks[i].scale = 1;
      if (by_layer) s.blocks[i].scale /= static_cast<double>(i + 1);
    }
    // rounding alone; and the host's affair, which trains
    for (const char* key : {"reorder_and_upcast_attn", "resid_pdrop", "embd_pdrop", "attn_pdrop"})
      (void)c.number(key, 0);
    c.ignore({"summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels",
              "summary_first_dropout"});
    return s;
  }
};

SLW_EXPORT_MODEL(Gpt2);
