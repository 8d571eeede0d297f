// The decoding loop.
#include "generate/generate.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/random.h"
#include "base/trace.h"
#include "compute/parallel.h"
#include "generate/device_step.h"
#include "operators/out_of_memory.h"
#include "operators/rounded_weights.h"

namespace slipway {
namespace {

class DecodingLoop {
 public:
  DecodingLoop(Model& model, std::span<const GenerationRequest> requests,
               const GenerationSettings& settings, const GenerationHooks& hooks,
               std::vector<Completion>& completions);

  void run();

 private:
  struct Row {
    size_t completion;
    int64_t slot;
    int32_t token;  // drawn, not yet fed
  };
  // A request's place in the cache, from its encoding to the end of its last sample.
  struct Encoded {
    int64_t region = -1;
    int64_t logits_row = 0;    // in prompt_logits_ of its prefill
    at::Tensor prompt_logits;  // [prompts of its prefill, vocab], until the last sample is admitted
    int admitted = 0, ended = 0;
  };

  static KeyValueCache::Size cache_size(std::span<const GenerationRequest> requests,
                                        const GenerationSettings& settings);
  // Fills free slots, encoding requests as needed.
  void admit();
  // Encodes requests from next_ on, as many as the free slots want.
  void prefill();
  // Hidden states of sequences end to end; one that is too long for one go piece by piece, and of
  // its last piece alone.
  at::Tensor encode(const std::vector<int64_t>& ids, const std::vector<int64_t>& positions,
                    const std::vector<int32_t>& cu_seqlens, const std::vector<int64_t>& regions);
  // Samples of an encoded request, into free slots.
  void admit_samples(size_t request);
  // Feeds every row's token, draws the next.
  void step();
  // Draws the first tokens of `count` completions from `first` on.
  std::vector<Drawn> first_tokens(const Encoded& encoded, size_t first, int count);
  DrawPlace place_of(const Completion& completion) const;
  Drawn draw(const float* logits, const Completion& completion, std::vector<float>& scratch) const;
  // Takes the token; true when the completion is over. May stop the generation.
  bool accept(Completion& completion, const Drawn& drawn);
  void end(const Completion& completion);

  Model& model_;
  std::span<const GenerationRequest> requests_;
  const GenerationSettings& settings_;
  const GenerationHooks& hooks_;
  std::vector<Completion>& completions_;
  const KeyValueCache::Size size_;
  const std::unique_ptr<KeyValueCache> cache_;
  std::vector<size_t> first_;  // each request's first completion
  std::vector<Encoded> encoded_;
  size_t next_ = 0;       // the first request that is not encoded
  size_t admitting_ = 0;  // the first request with samples that are not admitted
  std::vector<Row> rows_;
  std::vector<int64_t> free_slots_, free_regions_;
  GenerationProgress progress_;
  bool stopped_ = false;                // on_token wants no more
  std::unique_ptr<DeviceStep> device_;  // where models compute on an accelerator
};

KeyValueCache::Size DecodingLoop::cache_size(std::span<const GenerationRequest> requests,
                                             const GenerationSettings& settings) {
  int64_t samples = 0, longest = 1;
  for (const GenerationRequest& request : requests) {
    samples += request.samples;
    longest = std::max(longest, static_cast<int64_t>(request.prompt.size()));
  }
  const int64_t slots = std::max<int64_t>(1, std::min(settings.max_rows, samples));
  // Every prompt in the cache has a row, but for the one whose samples are being admitted.
  return {std::min<int64_t>(static_cast<int64_t>(requests.size()), slots + 1), longest, slots,
          settings.max_new_tokens};
}

DecodingLoop::DecodingLoop(Model& model, std::span<const GenerationRequest> requests,
                           const GenerationSettings& settings, const GenerationHooks& hooks,
                           std::vector<Completion>& completions)
    : model_(model),
      requests_(requests),
      settings_(settings),
      hooks_(hooks),
      completions_(completions),
      size_(cache_size(requests, settings)),
      cache_(model.make_cache(size_)),
      encoded_(requests.size()) {
  size_t first = 0;
  for (const GenerationRequest& request : requests) {
    first_.push_back(first);
    first += static_cast<size_t>(request.samples);
  }
  if (accelerator() != nullptr)
    device_ = std::make_unique<DeviceStep>(model_, *cache_, settings_.sampling, settings_.seed,
                                           settings_.iteration);
  progress_.rows = static_cast<int64_t>(completions.size());
  for (int64_t s = size_.slots; s-- > 0;) free_slots_.push_back(s);
  for (int64_t r = size_.prompts; r-- > 0;) free_regions_.push_back(r);
}

void DecodingLoop::prefill() {
  const TraceScope trace("generate", "prefill");
  std::vector<int64_t> ids, positions, ends, regions;
  std::vector<int32_t> cu_seqlens = {0};
  const size_t begin = next_;
  for (int64_t wanted = static_cast<int64_t>(free_slots_.size());
       next_ < requests_.size() && wanted > 0 && !free_regions_.empty(); ++next_) {
    const GenerationRequest& request = requests_[next_];
    if (next_ > begin && static_cast<int64_t>(ids.size() + request.prompt.size()) > kPrefillTokens)
      break;
    wanted -= request.samples;
    encoded_[next_].region = free_regions_.back();
    encoded_[next_].logits_row = static_cast<int64_t>(ends.size());
    regions.push_back(free_regions_.back());
    free_regions_.pop_back();
    for (size_t i = 0; i < request.prompt.size(); ++i) {
      ids.push_back(request.prompt[i]);
      positions.push_back(static_cast<int64_t>(i));
    }
    ends.push_back(static_cast<int64_t>(ids.size()) - 1);
    cu_seqlens.push_back(static_cast<int32_t>(ids.size()));
  }
  const at::Tensor hidden_TD = encode(ids, positions, cu_seqlens, regions);
  // one request alone
  if (const int64_t before = static_cast<int64_t>(ids.size()) - hidden_TD.size(0); before > 0)
    ends.back() -= before;
  const at::Tensor logits_PV =
      model_.logits(hidden_TD.index_select(0, int64_tensor(ends)), false).contiguous();
  for (size_t r = begin; r < next_; ++r) encoded_[r].prompt_logits = logits_PV;
}

at::Tensor DecodingLoop::encode(const std::vector<int64_t>& ids,
                                const std::vector<int64_t>& positions,
                                const std::vector<int32_t>& cu_seqlens,
                                const std::vector<int64_t>& regions) {
  const auto count = static_cast<int64_t>(ids.size());
  // A device attends to what is in the batch alone, not to what was cached before.
  const int64_t most = device_ == nullptr && regions.size() == 1 ? kPrefillTokens : count;
  at::Tensor hidden_TD;
  for (int64_t first = 0; first < count; first += most) {
    const int64_t end = std::min(count, first + most);
    const bool whole = end - first == count;
    AttentionContext context = AttentionContext::packed(
        whole ? cu_seqlens : std::vector<int32_t>{0, static_cast<int32_t>(end - first)});
    context.cache = cache_.get();
    context.regions = regions;
    if (!whole) context.cached = {first};
    hidden_TD = model_.hidden(int64_tensor({ids.begin() + first, ids.begin() + end}),
                              int64_tensor({positions.begin() + first, positions.begin() + end}),
                              context, false);
  }
  return hidden_TD;
}

std::vector<Drawn> DecodingLoop::first_tokens(const Encoded& encoded, size_t first, int count) {
  if (device_ != nullptr) {
    std::vector<DrawPlace> places;
    for (size_t i = 0; i < static_cast<size_t>(count); ++i)
      places.push_back(place_of(completions_[first + i]));
    return device_->draw(encoded.prompt_logits, encoded.logits_row, places);
  }
  const float* logits = encoded.prompt_logits.const_data_ptr<float>() +
                        encoded.logits_row * encoded.prompt_logits.size(1);
  std::vector<Drawn> drawn(static_cast<size_t>(count));
  parallel_chunks(count, [&](int64_t i) {
    std::vector<float> scratch;
    drawn[static_cast<size_t>(i)] =
        draw(logits, completions_[first + static_cast<size_t>(i)], scratch);
  });
  return drawn;
}

void DecodingLoop::admit_samples(size_t request) {
  Encoded& encoded = encoded_[request];
  const int count =
      std::min(requests_[request].samples - encoded.admitted, static_cast<int>(free_slots_.size()));
  const size_t first = first_[request] + static_cast<size_t>(encoded.admitted);
  const std::vector<Drawn> drawn = first_tokens(encoded, first, count);
  encoded.admitted += count;
  if (encoded.admitted == requests_[request].samples) encoded.prompt_logits = at::Tensor();
  for (size_t i = 0; i < static_cast<size_t>(count) && !stopped_; ++i) {
    if (accept(completions_[first + i], drawn[i])) {
      end(completions_[first + i]);
      continue;
    }
    rows_.push_back({first + i, free_slots_.back(), drawn[i].token});
    free_slots_.pop_back();
  }
}

void DecodingLoop::admit() {
  while (!stopped_ && !free_slots_.empty() && admitting_ < requests_.size()) {
    if (admitting_ == next_) {
      // Encoding reads all weights, however few the tokens: worth it once an eighth of the rows is
      // missing.
      if (!rows_.empty() && static_cast<int64_t>(free_slots_.size()) * 8 < size_.slots) return;
      prefill();
    }
    admit_samples(admitting_);
    while (admitting_ < next_ && encoded_[admitting_].admitted == requests_[admitting_].samples)
      ++admitting_;
  }
}

DrawPlace DecodingLoop::place_of(const Completion& completion) const {
  return {settings_.iteration, requests_[completion.request].key,
          static_cast<uint32_t>(completion.sample), static_cast<uint32_t>(completion.ids.size())};
}

Drawn DecodingLoop::draw(const float* logits, const Completion& completion,
                         std::vector<float>& scratch) const {
  const int64_t vocab = model_.info().vocab_size;
  const double u = uniform(settings_.seed, place_of(completion));
  if (!settings_.rules.any()) return sample_token(logits, vocab, settings_.sampling, u, scratch);
  std::vector<float> ruled(logits, logits + vocab);
  apply_rules(settings_.rules, requests_[completion.request].prompt, completion.ids,
              settings_.stop_tokens, ruled);
  Drawn out = sample_token(ruled.data(), vocab, settings_.sampling, u, scratch);
  if (out.token >= 0) out.logprob = log_probability(logits, vocab, out.token);
  return out;
}

bool DecodingLoop::accept(Completion& completion, const Drawn& drawn) {
  if (!std::isfinite(drawn.logprob))
    fail("prompt {} of {}, new token {}: the logits are not finite; are the weights damaged?",
         completion.request + 1, requests_.size(), completion.ids.size() + 1);
  completion.ids.push_back(drawn.token);
  completion.logprobs.push_back(drawn.logprob);
  ++progress_.tokens;
  completion.finished =
      std::ranges::find(settings_.stop_tokens, drawn.token) != settings_.stop_tokens.end() ||
      (settings_.stop && settings_.stop->reached(completion.ids));
  const bool ended = completion.finished ||
                     static_cast<int64_t>(completion.ids.size()) >= settings_.max_new_tokens;
  if (hooks_.on_token && !hooks_.on_token(completion, ended)) stopped_ = true;
  return ended;
}

void DecodingLoop::end(const Completion& completion) {
  ++progress_.finished_rows;
  Encoded& encoded = encoded_[completion.request];
  const int samples = requests_[completion.request].samples;
  if (++encoded.ended < samples) return;
  free_regions_.push_back(encoded.region);
  if (hooks_.on_complete)
    hooks_.on_complete(completion.request, {completions_.data() + first_[completion.request],
                                            static_cast<size_t>(samples)});
}

void DecodingLoop::step() {
  const TraceScope trace("generate", "decode", "rows", static_cast<int64_t>(rows_.size()));
  AttentionContext context;
  context.mode = AttentionContext::Mode::kDecode;
  context.cache = cache_.get();
  std::vector<int64_t> ids, positions;
  for (const Row& row : rows_) {
    const Completion& completion = completions_[row.completion];
    const auto prompt_length = static_cast<int64_t>(requests_[completion.request].prompt.size());
    const auto own = static_cast<int64_t>(completion.ids.size()) - 1;
    context.rows.push_back({encoded_[completion.request].region, prompt_length, row.slot, own});
    ids.push_back(row.token);
    positions.push_back(prompt_length + own);
  }
  std::vector<Drawn> drawn(rows_.size());
  if (device_ != nullptr) {
    std::vector<DeviceStep::Row> rows;
    for (size_t r = 0; r < rows_.size(); ++r)
      rows.push_back(
          {ids[r], positions[r], context.rows[r], place_of(completions_[rows_[r].completion])});
    drawn = device_->step(rows);
  } else {
    const at::Tensor logits_RV =
        model_
            .logits(model_.hidden(int64_tensor(ids), int64_tensor(positions), context, false),
                    false)
            .contiguous();
    const int64_t vocab = logits_RV.size(1);
    const float* logits = logits_RV.const_data_ptr<float>();
    parallel_chunks(static_cast<int64_t>(rows_.size()), [&](int64_t r) {
      static thread_local std::vector<float> scratch;
      drawn[static_cast<size_t>(r)] =
          draw(logits + r * vocab, completions_[rows_[static_cast<size_t>(r)].completion], scratch);
    });
  }
  std::vector<Row> going_on;
  for (size_t r = 0; r < rows_.size() && !stopped_; ++r) {
    Completion& completion = completions_[rows_[r].completion];
    if (accept(completion, drawn[r])) {
      free_slots_.push_back(rows_[r].slot);
      end(completion);
    } else {
      going_on.push_back({rows_[r].completion, rows_[r].slot, drawn[r].token});
    }
  }
  rows_ = std::move(going_on);
}

void DecodingLoop::run() {
  while (!stopped_ && (admitting_ < requests_.size() || !rows_.empty())) {
    admit();
    if (!stopped_ && !rows_.empty()) step();
    if (hooks_.on_progress && !hooks_.on_progress(progress_)) fail("generation was stopped");
  }
}

}  // namespace

std::vector<Completion> generate(Model& model, std::span<const GenerationRequest> requests,
                                 const GenerationSettings& settings, const GenerationHooks& hooks) {
  const c10::InferenceMode inference;
  std::vector<Completion> completions;
  for (size_t r = 0; r < requests.size(); ++r) {
    if (requests[r].prompt.empty())
      fail("generate: request {} has an empty prompt; give at least one token", r);
    if (const auto longest =
            static_cast<int64_t>(requests[r].prompt.size()) + settings.max_new_tokens;
        longest > model.info().max_positions)
      fail(
          "generate: a prompt of {} tokens and {} new ones exceed the model's {} positions; lower "
          "max_new_tokens or "
          "data.max_prompt_tokens",
          requests[r].prompt.size(), settings.max_new_tokens, model.info().max_positions);
    if (requests[r].samples < 1)
      fail("generate: request {} asks for {} samples; at least one is needed", r,
           requests[r].samples);
    for (int s = 0; s < requests[r].samples; ++s) completions.push_back({r, s, {}, {}, false});
  }
  if (completions.empty()) return completions;
  if (accelerator() != nullptr && (settings.rules.any() || settings.sampling.min_p > 0))
    fail("generation.{} is not supported on {}; remove it, or use the device cpu",
         settings.sampling.min_p > 0              ? "min_p"
         : settings.rules.repetition_penalty != 1 ? "repetition_penalty"
                                                  : "min_new_tokens",
         accelerator()->name());
  if (accelerator() != nullptr && settings.weights == WeightStorage::kInt8)
    fail("weights are float32 or bfloat16 on {}, not int8; use one of these, or the device cpu",
         accelerator()->name());
  std::optional<RoundedWeightsScope> rounded;
  if (accelerator() != nullptr && settings.weights == WeightStorage::kBfloat16)
    rounded.emplace(model.packed_weights());
  // the weights may have changed since the last call
  model.packed_weights().forget(settings.weights);
  const PackedWeightsScope packed(model.packed_weights());
  // Not OutOfMemory: a smaller training batch would not help.
  within_memory<Error>(
      [&] { DecodingLoop(model, requests, settings, hooks, completions).run(); },
      [&] {
        return fmt::format(
            "out of memory while sampling {} rows at a time, of up to {} new tokens; lower "
            "generation.max_rows or generation.max_new_tokens",
            std::min<int64_t>(settings.max_rows, static_cast<int64_t>(completions.size())),
            settings.max_new_tokens);
      });
  return completions;
}

}  // namespace slipway
