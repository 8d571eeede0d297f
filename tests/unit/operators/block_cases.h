// Halves of decoder blocks as families have them, every option among them; hidden size 40, 6 query
// heads over 2 of width 10. The weights are random, the same at every call.
#pragma once
#include "tests/unit/operators/plain_blocks.h"

namespace slipway {

struct AttentionCase {
  const char* name;
  AttentionBlock block;
};
inline std::vector<AttentionCase> attention_cases() {
  plain::seed(1);
  const plain::Sizes sizes{40, 6, 2, 10};
  std::vector<AttentionCase> out;
  const auto add = [&](const char* name, const auto& change) {
    AttentionBlock b = plain::attention_weights(sizes);
    change(b);
    out.push_back({name, b});
  };
  add("Llama", [](AttentionBlock&) {});
  add("Qwen2: biases of q, k and v", [](AttentionBlock& b) {
    b.q_bias = plain::weight({60}), b.k_bias = plain::weight({20}), b.v_bias = plain::weight({20});
  });
  add("Qwen3: norms of heads",
      [](AttentionBlock& b) { b.q_norm = plain::weight({10}), b.k_norm = plain::weight({10}); });
  add("OLMo 2: no norm before, norms of whole rows and of the result", [](AttentionBlock& b) {
    b.norm = at::Tensor();
    b.q_norm = plain::weight({60}), b.k_norm = plain::weight({20}),
    b.post_norm = plain::weight({40});
  });
  add("Gemma 3: 1 + w, norms of heads and of the result", [](AttentionBlock& b) {
    b.norm_kind = NormKind::kRmsPlusOne;
    b.q_norm = plain::weight({10}), b.k_norm = plain::weight({10}),
    b.post_norm = plain::weight({40});
  });
  add("Phi-3: one weight, part of a head rotates", [](AttentionBlock& b) {
    b.q = plain::weight({100, 40}, 0.2), b.k = b.v = at::Tensor();
    b.q_bias = plain::weight({100});
    b.inverse_frequencies = plain::frequencies(3), b.rotary_scale = 1.2;
  });
  add("SmolLM3: no rotary positions",
      [](AttentionBlock& b) { b.inverse_frequencies = at::Tensor(); });
  add("Granite: a multiplier of what is added",
      [](AttentionBlock& b) { b.residual = 0.22, b.scale = 0.1; });
  add("GPT-2: layer norm and biases everywhere", [](AttentionBlock& b) {
    b.norm_kind = NormKind::kLayer, b.norm_bias = plain::weight({40});
    b.inverse_frequencies = at::Tensor();
    b.q = plain::weight({100, 40}, 0.2), b.k = b.v = at::Tensor();
    b.q_bias = plain::weight({100}), b.o_bias = plain::weight({40});
  });
  add("Mistral: a window", [](AttentionBlock& b) { b.window = 5; });
  add("Gemma 2: a window, a softcap, 1 + w, a norm of the result", [](AttentionBlock& b) {
    b.window = 60, b.softcap = 2, b.norm_kind = NormKind::kRmsPlusOne;
    b.post_norm = plain::weight({40});
  });
  add("layer norms everywhere", [](AttentionBlock& b) {
    b.norm_kind = NormKind::kLayer, b.norm_bias = plain::weight({40}),
    b.o_bias = plain::weight({40});
    b.q_norm = plain::weight({60}), b.k_norm = plain::weight({10}),
    b.post_norm = plain::weight({40});
    b.residual = 0.5, b.k_bias = plain::weight({20});
  });
  return out;
}

struct FeedForwardCase {
  const char* name;
  FeedForwardBlock block;
};
inline std::vector<FeedForwardCase> feed_forward_cases() {
  plain::seed(2);
  std::vector<FeedForwardCase> out;
  const auto add = [&](const char* name, const auto& change) {
    FeedForwardBlock b = plain::feed_forward_weights(40, 52);
    change(b);
    out.push_back({name, b});
  };
  add("Llama", [](FeedForwardBlock&) {});
  add("Gemma: GELU, 1 + w, a norm of the result", [](FeedForwardBlock& b) {
    b.activation = Activation::kGeluTanh, b.norm_kind = NormKind::kRmsPlusOne;
    b.post_norm = plain::weight({40});
  });
  add("OLMo 2: no norm before",
      [](FeedForwardBlock& b) { b.norm = at::Tensor(), b.post_norm = plain::weight({40}); });
  add("Phi-3: one weight", [](FeedForwardBlock& b) {
    b.up = plain::weight({104, 40}, 0.2), b.gate = at::Tensor(), b.fused = true;
    b.up_bias = plain::weight({104});
  });
  add("Granite: a multiplier of what is added", [](FeedForwardBlock& b) { b.residual = 0.22; });
  add("GPT-2: layer norm, biases, no gate", [](FeedForwardBlock& b) {
    b.norm_kind = NormKind::kLayer, b.norm_bias = plain::weight({40}), b.gate = at::Tensor();
    b.activation = Activation::kGeluTanh;
    b.up_bias = plain::weight({52}), b.down_bias = plain::weight({40});
  });
  add("GELU with biases", [](FeedForwardBlock& b) {
    b.activation = Activation::kGelu, b.gate_bias = plain::weight({52});
    b.up_bias = plain::weight({52}), b.down_bias = plain::weight({40}), b.residual = 0.5;
    b.post_norm = plain::weight({40});
  });
  add("ReLU", [](FeedForwardBlock& b) { b.activation = Activation::kRelu, b.gate = at::Tensor(); });
  return out;
}

}  // namespace slipway
