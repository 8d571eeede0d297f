// Prompts in, texts out.
#include "api/write.h"

#include "base/error.h"
#include "base/log.h"
#include "generate/generate.h"
#include "operators/accelerator/device_tensors.h"
#include "text/growing_text.h"
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

namespace {

GenerationSettings settings_of(const GenerateOptions& o, const Tokenizer& tokenizer) {
  GenerationSettings out;
  out.sampling = {o.temperature, o.top_k, o.top_p};
  out.max_new_tokens = o.max_new_tokens;
  out.seed = o.seed;
  out.weights = *weight_storage_of(o.weights);
  if (accelerator() != nullptr && out.weights != WeightStorage::kFloat32)
    fail("weights {}: on {} weights are float32; remove it, or use the device cpu", o.weights,
         accelerator()->name());
  out.stop_tokens = tokenizer.ends;
  return out;
}

std::vector<GenerationRequest> requests_of(const std::vector<std::string>& prompts,
                                           const GenerateOptions& o, const Model& model,
                                           const Tokenizer& tokenizer) {
  const ModelLimits limits{model.info().vocab_size, model.info().max_positions};
  std::vector<GenerationRequest> out;
  for (size_t i = 0; i < prompts.size(); ++i) {
    out.push_back({tokenizer.encode_beginning(prompts[i]),
                   o.first_prompt + static_cast<uint32_t>(i), static_cast<int>(o.samples)});
    const std::vector<int32_t>& prompt = out.back().prompt;
    check_tokens(prompt, limits, tokenizer, fmt::format("prompt {}", i + 1));
    if (prompt.empty()) fail("the prompt is empty after tokenization");
    const auto length = static_cast<int64_t>(prompt.size()) + o.max_new_tokens;
    if (length > model.info().max_positions)
      log_warn("prompt and answer may reach {} tokens, the model was made for {}", length,
               model.info().max_positions);
  }
  return out;
}

// Tells every text as its tokens come.
class Teller {
 public:
  Teller(const Tokenizer& tokenizer, std::span<const GenerationRequest> requests, int64_t samples,
         const OnText& on_text)
      : samples_(static_cast<size_t>(samples)), on_text_(on_text) {
    for (const GenerationRequest& request : requests)
      for (size_t i = 0; i < samples_; ++i) texts_.emplace_back(tokenizer, request.prompt);
  }

  bool operator()(const Completion& c, bool ended) {
    GrowingText& text = texts_[c.request * samples_ + static_cast<size_t>(c.sample)];
    std::string part = text.add(c.ids.back());
    if (ended) part += text.rest();
    return on_text_({c.request, c.sample, part, ended});
  }

 private:
  size_t samples_;
  std::vector<GrowingText> texts_;  // by (prompt, sample)
  const OnText& on_text_;
};

}  // namespace

std::vector<GeneratedText> write_texts(Model& model, const Tokenizer& tokenizer,
                                       const std::vector<std::string>& prompts,
                                       const GenerateOptions& o, const OnText& on_text) {
  check(o);
  const GenerationSettings settings = settings_of(o, tokenizer);
  const std::vector<GenerationRequest> requests = requests_of(prompts, o, model, tokenizer);
  GenerationHooks hooks;
  if (on_text) hooks.on_token = Teller(tokenizer, requests, o.samples, on_text);
  std::vector<GeneratedText> out;
  for (Completion& c : generate(model, requests, settings, hooks))
    out.push_back({c.request, c.sample, tokenizer.decode_after(requests[c.request].prompt, c.ids),
                   std::move(c.ids), std::move(c.logprobs), c.finished});
  return out;
}

}  // namespace slipway
