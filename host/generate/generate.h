// Sampling K completions of many prompts together: each prompt is encoded once, all rows decode in
// one batch, finished rows leave and waiting ones take their places, prompts that nobody has
// encoded yet among them.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "generate/logit_rules.h"
#include "generate/sampling.h"
#include "generate/stop_strings.h"
#include "model/model.h"

namespace slipway {

// Tokens of prompts that are encoded in one go: bounds the memory of it. A longer prompt is encoded
// in pieces (on a device whole), to the same bits.
constexpr int64_t kPrefillTokens = 4096 / kQueryBlock * kQueryBlock;

struct GenerationSettings {
  SamplingSettings sampling;
  int64_t max_new_tokens = 64;
  int64_t max_rows = 128;            // rows that decode together
  std::vector<int32_t> stop_tokens;  // end of text; part of the completion's ids
  uint64_t seed = 42;
  // what the products of decoding take them as: fewer bits, another model by a little
  WeightStorage weights = WeightStorage::kFloat32;
  // with the seed, the prompt's key and the sample, the key of every draw
  uint32_t iteration = 0;
  LogitRules rules = {};                              // on the processor alone
  std::shared_ptr<const StopStrings> stop = nullptr;  // their tokens are part of the ids, too
};

struct GenerationRequest {
  std::vector<int32_t> prompt;  // not empty
  uint32_t key = 0;             // names the prompt in the random key: equal keys draw equal numbers
  int samples = 1;
};

struct Completion {
  size_t request = 0;
  int sample = 0;
  std::vector<int32_t> ids;  // without the prompt
  // of each id under the model with `weights` as they were stored: temperature 1, nothing left out
  std::vector<float> logprobs;
  bool finished = false;  // ended with a stop token or string, not cut by max_new_tokens
};

struct GenerationProgress {
  int64_t tokens = 0, finished_rows = 0, rows = 0;
};

// All are called on the calling thread.
struct GenerationHooks {
  // After every decoding step; returning false stops early and throws Error.
  std::function<bool(const GenerationProgress&)> on_progress;
  // When all samples of a request are complete: its first completion and their number. The
  // requests' order is theirs of ending.
  std::function<void(size_t request, std::span<const Completion> completions)> on_complete;
  // After each token, the last of its completion's ids; `ended`: no other follows. Returning false
  // ends the generation: generate() returns what there is, of completions that did not begin
  // nothing.
  std::function<bool(const Completion& completion, bool ended)> on_token = nullptr;
};

// All samples of all requests, ordered by (request, sample). What a sample draws does not depend on
// what else is in the batch. [loop]
std::vector<Completion> generate(Model& model, std::span<const GenerationRequest> requests,
                                 const GenerationSettings& settings,
                                 const GenerationHooks& hooks = {});

}  // namespace slipway
