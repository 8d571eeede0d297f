// What changes a row of logits before a token is drawn from it.
#pragma once
#include <cstdint>
#include <span>

namespace slipway {

// transformers' logits processors of these names, in its order.
struct LogitRules {
  // The logits of tokens of the prompt and of the answer so far are divided by it where they are
  // positive, else multiplied (Keskar et al., "CTRL", 2019, section 4.1); 1 = nothing.
  double repetition_penalty = 1;
  int64_t min_new_tokens = 0;  // no token that ends an answer is drawn before
  bool any() const { return repetition_penalty != 1 || min_new_tokens > 0; }
};

// Changes `logits`, whose tokens are its places.
void apply_rules(const LogitRules& rules, std::span<const int32_t> prompt,
                 std::span<const int32_t> answer, std::span<const int32_t> end_tokens,
                 std::span<float> logits);

}  // namespace slipway
