// Prompts in, texts out.
#include "api/write.h"

#include "base/error.h"
#include "base/log.h"
#include "generate/generate.h"
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
  if (!(o.min_p >= 0 && o.min_p <= 1)) fail("min_p must lie in [0, 1]");
  if (!(o.repetition_penalty > 0)) fail("repetition_penalty must be positive");
  if (o.min_new_tokens < 0) fail("min_new_tokens must not be negative");
  if (o.samples < 1) fail("samples must be at least 1");
  if (o.samples > 1000000) fail("samples is {}, at most 1000000 is allowed", o.samples);
}

namespace {

GenerationSettings settings_of(const GenerateOptions& o, const Tokenizer& tokenizer) {
  GenerationSettings out;
  out.sampling = {o.temperature, o.top_k, o.top_p, o.min_p};
  out.rules = {o.repetition_penalty, o.min_new_tokens};
  out.stop = stop_strings(tokenizer, o.stop);
  out.max_new_tokens = o.max_new_tokens;
  out.seed = o.seed;
  out.weights = *weight_storage_of(o.weights);
  out.stop_tokens = tokenizer.ends;
  return out;
}

std::vector<GenerationRequest> requests_of(std::vector<std::vector<int32_t>> prompts,
                                           const GenerateOptions& o, const Model& model,
                                           const Tokenizer& tokenizer) {
  const ModelLimits limits{model.info().vocab_size, model.info().max_positions};
  std::vector<GenerationRequest> out;
  for (size_t i = 0; i < prompts.size(); ++i) {
    out.push_back({std::move(prompts[i]), o.first_prompt + static_cast<uint32_t>(i),
                   static_cast<int>(o.samples)});
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
         std::shared_ptr<const StopStrings> stop, const OnText& on_text)
      : samples_(static_cast<size_t>(samples)), stop_(std::move(stop)), on_text_(on_text) {
    for (const GenerationRequest& request : requests)
      for (size_t i = 0; i < samples_; ++i)
        texts_.push_back({GrowingText(tokenizer, request.prompt), ""});
  }

  bool operator()(const Completion& c, bool ended) {
    Growing& text = texts_[c.request * samples_ + static_cast<size_t>(c.sample)];
    std::string part = std::move(text.held) + text.growing.add(c.ids.back());
    if (ended) part += text.growing.rest();
    text.held.clear();
    if (stop_) {
      part = stop_->before(std::move(part));
      if (!ended) {  // it may become a stop string
        const size_t held = stop_->begun(part);
        text.held = part.substr(part.size() - held);
        part.erase(part.size() - held);
      }
    }
    return on_text_({c.request, c.sample, part, ended});
  }

 private:
  struct Growing {
    GrowingText growing;
    std::string held;  // not told yet
  };
  size_t samples_;
  std::vector<Growing> texts_;  // by (prompt, sample)
  std::shared_ptr<const StopStrings> stop_;
  const OnText& on_text_;
};

}  // namespace

std::vector<GeneratedText> write_texts(Model& model, const Tokenizer& tokenizer,
                                       const std::vector<std::string>& prompts,
                                       const GenerateOptions& o, const OnText& on_text) {
  std::vector<std::vector<int32_t>> ids;
  for (const std::string& prompt : prompts) ids.push_back(tokenizer.encode_beginning(prompt));
  return write_answers(model, tokenizer, std::move(ids), o, on_text);
}

std::vector<GeneratedText> write_answers(Model& model, const Tokenizer& tokenizer,
                                         std::vector<std::vector<int32_t>> prompts,
                                         const GenerateOptions& o, const OnText& on_text) {
  check(o);
  const GenerationSettings settings = settings_of(o, tokenizer);
  const std::vector<GenerationRequest> requests =
      requests_of(std::move(prompts), o, model, tokenizer);
  GenerationHooks hooks;
  if (on_text) hooks.on_token = Teller(tokenizer, requests, o.samples, settings.stop, on_text);
  std::vector<GeneratedText> out;
  for (Completion& c : generate(model, requests, settings, hooks))
    out.push_back({c.request, c.sample,
                   answer_text(tokenizer, requests[c.request].prompt, c.ids, settings.stop.get()),
                   std::move(c.ids), std::move(c.logprobs), c.finished});
  return out;
}

}  // namespace slipway
