// Rows of text into training examples.
#pragma once
#include <optional>
#include <vector>

#include "config/run_config.h"
#include "data/dataset.h"
#include "data/packing.h"
#include "text/tokenizer.h"

namespace slipway {

// Tokenizes rows as [data] says: prompt and completion one after the other, loss on the completion, end-of-text appended.
class ExampleMaker {
 public:
  // `tokenizer` outlives this. Throws Error when it has no end-of-text token and one is to be appended.
  ExampleMaker(const RunConfig& config, const Tokenizer& tokenizer);

  // Nothing when the row is dropped: its prompt is too long, or no token carries loss. The example borrows the row's columns.
  std::optional<Example> make(const Row& row);

  // Says to the log how many rows were dropped or cut so far, and why.
  void tell_losses() const;

 private:
  const Tokenizer& tokenizer_;
  size_t max_tokens_, max_prompt_;
  bool completion_only_, append_eos_;
  size_t rows_ = 0, long_prompts_ = 0, cut_ = 0, empty_ = 0;
};

// Of all rows, whose columns they borrow; what was dropped or cut is told to the log. Throws Error when nothing is left.
std::vector<Example> examples_of(const std::vector<Row>& rows, const RunConfig& config, const Tokenizer& tokenizer);

}  // namespace slipway
