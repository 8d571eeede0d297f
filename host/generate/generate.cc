// The decoding loop.
#include "generate/generate.h"

#include <algorithm>

#include "base/error.h"
#include "base/random.h"
#include "base/trace.h"

namespace slipway {
namespace {

// Prompts encoded together: bounds the prompt logits that are kept, [prompts, vocab].
constexpr size_t kPromptsPerPrefill = 256;

class Decoder {
 public:
  Decoder(Model& model, std::span<const GenerationRequest> requests, const GenerationSettings& settings,
          std::vector<Completion>& completions)
      : model_(model), requests_(requests), settings_(settings), completions_(completions) {}

  // Requests [first, last), whose completions begin at completions_[base].
  void run(size_t first, size_t last, const std::function<bool()>& on_step);

  int64_t tokens = 0, finished = 0;

 private:
  struct Row {
    size_t completion;
    size_t prompt;  // within this prefill
    int64_t slot;
    int32_t token;  // drawn, not yet fed
  };

  void prefill(size_t first, size_t last);
  // True when the completion is over.
  bool accept(Completion& completion, int32_t token);
  int32_t draw(const float* logits, const Completion& completion, std::vector<float>& scratch) const;
  void admit(Row row);
  void step();

  Model& model_;
  std::span<const GenerationRequest> requests_;
  const GenerationSettings& settings_;
  std::vector<Completion>& completions_;
  size_t completed_before_ = 0;
  std::unique_ptr<KeyValueCache> cache_;
  at::Tensor prompt_logits_;  // [prompts, vocab]
  std::vector<int64_t> prompt_begin_;
  std::vector<Row> rows_;
  std::vector<int64_t> free_slots_;
};

void Decoder::prefill(size_t first, size_t last) {
  const TraceScope trace("generate", "prefill", "prompts", static_cast<int64_t>(last - first));
  std::vector<int64_t> ids, positions, ends;
  AttentionContext context;
  context.cu_seqlens = {0};
  prompt_begin_.clear();
  for (size_t r = first; r < last; ++r) {
    prompt_begin_.push_back(static_cast<int64_t>(ids.size()));
    for (size_t i = 0; i < requests_[r].prompt.size(); ++i) {
      ids.push_back(requests_[r].prompt[i]);
      positions.push_back(static_cast<int64_t>(i));
    }
    ends.push_back(static_cast<int64_t>(ids.size()) - 1);
    context.cu_seqlens.push_back(static_cast<int32_t>(ids.size()));
  }
  int64_t samples = 0;
  for (size_t r = first; r < last; ++r) samples += requests_[r].samples;
  const int64_t slots = std::min<int64_t>(settings_.max_rows, samples);
  cache_ = std::make_unique<KeyValueCache>(
      model_.make_cache(static_cast<int64_t>(ids.size()), slots, settings_.max_new_tokens));
  context.cache = cache_.get();
  const at::Tensor hidden_TD = model_.hidden(int64_tensor(ids), int64_tensor(positions), context, false);
  prompt_logits_ = model_.logits(hidden_TD.index_select(0, int64_tensor(ends)), false).contiguous();
  free_slots_.clear();
  for (int64_t s = slots; s-- > 0;) free_slots_.push_back(s);
}

int32_t Decoder::draw(const float* logits, const Completion& completion, std::vector<float>& scratch) const {
  const DrawPlace place{settings_.iteration, requests_[completion.request].key,
                        static_cast<uint32_t>(completion.sample), static_cast<uint32_t>(completion.ids.size())};
  return sample_token(logits, model_.info().vocab_size, settings_.sampling, uniform(settings_.seed, place), scratch);
}

bool Decoder::accept(Completion& completion, int32_t token) {
  completion.ids.push_back(token);
  ++tokens;
  completion.finished = std::ranges::find(settings_.stop_tokens, token) != settings_.stop_tokens.end();
  return completion.finished || static_cast<int64_t>(completion.ids.size()) >= settings_.max_new_tokens;
}

void Decoder::admit(Row row) {
  std::vector<float> scratch;
  Completion& completion = completions_[row.completion];
  const float* logits = prompt_logits_.const_data_ptr<float>() +
                        static_cast<int64_t>(row.prompt) * model_.info().vocab_size;
  row.token = draw(logits, completion, scratch);
  if (accept(completion, row.token)) {
    ++finished;
    return;
  }
  row.slot = free_slots_.back();
  free_slots_.pop_back();
  rows_.push_back(row);
}

void Decoder::step() {
  const TraceScope trace("generate", "decode", "rows", static_cast<int64_t>(rows_.size()));
  AttentionContext context;
  context.mode = AttentionContext::Mode::kDecode;
  context.cache = cache_.get();
  std::vector<int64_t> ids, positions;
  for (const Row& row : rows_) {
    const Completion& completion = completions_[row.completion];
    const auto prompt_length = static_cast<int64_t>(requests_[completion.request].prompt.size());
    const auto own = static_cast<int64_t>(completion.ids.size()) - 1;
    context.rows.push_back({prompt_begin_[row.prompt], prompt_length, row.slot, own});
    ids.push_back(row.token);
    positions.push_back(prompt_length + own);
  }
  const at::Tensor logits_RV =
      model_.logits(model_.hidden(int64_tensor(ids), int64_tensor(positions), context, false), false).contiguous();
  const int64_t vocab = logits_RV.size(1);
  const float* logits = logits_RV.const_data_ptr<float>();
  at::parallel_for(0, static_cast<int64_t>(rows_.size()), 1, [&](int64_t begin, int64_t end) {
    std::vector<float> scratch;
    for (int64_t r = begin; r < end; ++r) {
      Row& row = rows_[static_cast<size_t>(r)];
      row.token = draw(logits + r * vocab, completions_[row.completion], scratch);
    }
  });
  std::vector<Row> going_on;
  for (const Row& row : rows_) {
    if (accept(completions_[row.completion], row.token)) {
      free_slots_.push_back(row.slot);
      ++finished;
    } else {
      going_on.push_back(row);
    }
  }
  rows_ = std::move(going_on);
}

void Decoder::run(size_t first, size_t last, const std::function<bool()>& on_step) {
  prefill(first, last);
  std::vector<Row> waiting;
  for (size_t r = first; r < last; ++r)
    for (int s = 0; s < requests_[r].samples; ++s) waiting.push_back({completed_before_++, r - first, 0, 0});
  for (size_t next = 0; next < waiting.size() || !rows_.empty();) {
    while (next < waiting.size() && !free_slots_.empty()) admit(waiting[next++]);
    if (!rows_.empty()) step();
    if (!on_step()) fail("generation was stopped");
  }
}

}  // namespace

std::vector<Completion> generate(Model& model, std::span<const GenerationRequest> requests,
                                 const GenerationSettings& settings,
                                 const std::function<bool(const GenerationProgress&)>& on_progress) {
  const c10::InferenceMode inference;
  std::vector<Completion> completions;
  for (size_t r = 0; r < requests.size(); ++r) {
    if (requests[r].prompt.empty()) fail("generate: request {} has an empty prompt; give at least one token", r);
    if (const auto longest = static_cast<int64_t>(requests[r].prompt.size()) + settings.max_new_tokens;
        longest > model.info().max_positions)
      fail("generate: a prompt of {} tokens and {} new ones exceed the model's {} positions; lower max_new_tokens or "
           "data.max_prompt_tokens",
           requests[r].prompt.size(), settings.max_new_tokens, model.info().max_positions);
    for (int s = 0; s < requests[r].samples; ++s) completions.push_back({r, s, {}, false});
  }
  model.packed_weights().forget();  // the weights may have changed since the last call
  const PackedWeightsScope packed(model.packed_weights());
  Decoder decoder(model, requests, settings, completions);
  const auto rows = static_cast<int64_t>(completions.size());
  for (size_t first = 0; first < requests.size(); first += kPromptsPerPrefill)
    decoder.run(first, std::min(requests.size(), first + kPromptsPerPrefill), [&] {
      return !on_progress || on_progress({decoder.tokens, decoder.finished, rows});
    });
  return completions;
}

}  // namespace slipway
