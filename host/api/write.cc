// Prompts in, texts out.
#include "api/write.h"

#include "base/error.h"
#include "base/log.h"
#include "generate/generate.h"
#include "operators/accelerator/device_tensors.h"
#include "text/token_check.h"

namespace slipway {

void check(const GenerateOptions& o) {
  if (!weight_storage_of(o.weights))
    fail("weights is \"{}\", one of float32 bfloat16 int8 is needed", o.weights);
  if (!(o.temperature >= 0)) fail("temperature must not be negative");
  if (o.max_new_tokens < 1) fail("max_new_tokens must be at least 1");
  if (!(o.top_p >= 0 && o.top_p <= 1)) fail("top_p must lie in [0, 1]");
  if (o.top_k < 0) fail("top_k must not be negative");
  if (o.samples < 1) fail("samples must be at least 1");
  if (o.samples > 1000000) fail("samples is {}, at most 1000000 is allowed", o.samples);
}

std::vector<GeneratedText> write_texts(Model& model, const Tokenizer& tokenizer,
                                       const std::vector<std::string>& prompts,
                                       const GenerateOptions& o) {
  check(o);
  GenerationSettings settings;
  settings.sampling = {o.temperature, o.top_k, o.top_p};
  settings.max_new_tokens = o.max_new_tokens;
  settings.seed = o.seed;
  settings.weights = *weight_storage_of(o.weights);
  if (accelerator() != nullptr && settings.weights != WeightStorage::kFloat32)
    fail("weights {}: on {} weights are float32; remove it, or use the device cpu", o.weights,
         accelerator()->name());
  settings.stop_tokens = tokenizer.ends;
  const ModelLimits limits{model.info().vocab_size, model.info().max_positions};
  std::vector<GenerationRequest> requests;
  for (size_t i = 0; i < prompts.size(); ++i) {
    requests.push_back({tokenizer.encode_beginning(prompts[i]), static_cast<uint32_t>(i),
                        static_cast<int>(o.samples)});
    check_tokens(requests.back().prompt, limits, tokenizer, fmt::format("prompt {}", i + 1));
    if (requests.back().prompt.empty()) fail("the prompt is empty after tokenization");
    const auto length =
        static_cast<int64_t>(requests.back().prompt.size()) + settings.max_new_tokens;
    if (length > model.info().max_positions)
      log_warn("prompt and answer may reach {} tokens, the model was made for {}", length,
               model.info().max_positions);
  }
  std::vector<GeneratedText> out;
  for (Completion& c : generate(model, requests, settings))
    out.push_back({c.request, c.sample, tokenizer.decode(c.ids), std::move(c.ids),
                   std::move(c.logprobs), c.finished});
  return out;
}

}  // namespace slipway
