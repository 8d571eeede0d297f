// Drawing a token from a row of logits.
#pragma once
#include <cstdint>
#include <vector>

namespace slipway {

struct SamplingSettings {
  // 0, or too small to divide by = greedy: the largest logit, the first of equals
  double temperature = 1.0;
  int64_t top_k = 0;  // 0 = all
  // smallest set of most likely tokens whose mass reaches top_p; 0 = the largest alone
  double top_p = 1.0;
  // of what is left, tokens with at least this share of the likeliest one's probability
  double min_p = 0;
  bool greedy() const;
};

struct Drawn {
  int32_t token;
  // under softmax(logits): temperature 1, nothing left out. Not a number: the logits are not, and
  // there is no token
  float logprob;
};

// The token that the uniform number u in [0, 1) selects under softmax(logits / temperature), after
// top-k, then top-p on what top-k left, then min-p, as Hugging Face orders them. `scratch` is the
// caller's, reused between calls. Thread-safe.
Drawn sample_token(const float* logits, int64_t vocab, const SamplingSettings& settings, double u,
                   std::vector<float>& scratch);
// What Drawn::logprob is.
float log_probability(const float* logits, int64_t vocab, int32_t token);

}  // namespace slipway
