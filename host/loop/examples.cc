// Tokenizing.
#include "loop/examples.h"

#include "base/error.h"
#include "base/log.h"

namespace slipway {

ExampleMaker::ExampleMaker(const RunConfig& config, const Tokenizer& tokenizer)
    : tokenizer_(tokenizer), max_tokens_(static_cast<size_t>(config.integer("data", "max_tokens"))),
      max_prompt_(static_cast<size_t>(config.integer("data", "max_prompt_tokens"))), completion_only_(config.flag("data", "completion_only_loss")),
      append_eos_(config.flag("data", "append_eos")) {
  if (append_eos_ && !tokenizer.eos) fail("data.append_eos is true, but the tokenizer names no end-of-text token; set data.append_eos = false");
}

std::optional<Example> ExampleMaker::make(const Row& row) {
  ++rows_;
  Example example;
  if (!row.prompt.empty()) example.ids = tokenizer_.encode(row.prompt);
  if (example.ids.size() > max_prompt_) {
    ++long_prompts_;
    return std::nullopt;
  }
  example.loss_begin = completion_only_ ? static_cast<int64_t>(example.ids.size()) : 0;
  const std::vector<int32_t> completion = tokenizer_.encode(row.completion, /*add_special_tokens=*/row.prompt.empty());
  example.ids.insert(example.ids.end(), completion.begin(), completion.end());
  if (append_eos_) example.ids.push_back(*tokenizer_.eos);
  if (example.ids.size() > max_tokens_) {
    example.ids.resize(max_tokens_);
    ++cut_;
  }
  if (example.label_tokens() == 0) {
    ++empty_;
    return std::nullopt;
  }
  example.columns = row.columns.empty() ? nullptr : &row.columns;
  return example;
}

void ExampleMaker::tell_losses() const {
  if (long_prompts_ > 0) log_warn("{} of {} rows dropped: the prompt has more than data.max_prompt_tokens = {} tokens", long_prompts_, rows_, max_prompt_);
  if (cut_ > 0) log_warn("{} of {} rows cut at data.max_tokens = {}", cut_, rows_, max_tokens_);
  if (empty_ > 0) log_warn("{} of {} rows dropped: no token carries loss", empty_, rows_);
}

std::vector<Example> examples_of(const std::vector<Row>& rows, const RunConfig& config, const Tokenizer& tokenizer) {
  ExampleMaker maker(config, tokenizer);
  std::vector<Example> out;
  for (const Row& row : rows)
    if (std::optional<Example> example = maker.make(row)) out.push_back(std::move(*example));
  maker.tell_losses();
  if (out.empty()) fail("no row is left to train on");
  return out;
}

}  // namespace slipway
