// Rows of text into training examples.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "data/dataset.h"
#include "data/packing.h"
#include "loop/conversations.h"
#include "text/token_check.h"

namespace slipway {

// Tokenizes rows as [data] says: prompt and completion one after the other, loss on the completion,
// end-of-text appended where the completion does not end in it. The tokenizer's special tokens
// stand around both together. Conversations go through a chat template (loop/conversations.h),
// which says how they end.
class ExampleMaker {
 public:
  // `tokenizer` outlives this; `set` is the rows' name in messages. Throws Error when it has no
  // end-of-text token and one is to be appended.
  ExampleMaker(const RunConfig& config, const Tokenizer& tokenizer, const ModelLimits& limits = {},
               std::string set = "data.train");

  // Nothing when the row is dropped: its prompt is too long, or no token carries loss. The example
  // borrows the row's columns. Throws Error naming the row when it is none to train on
  // (data/row_columns.h) or has a token that the model does not know.
  std::optional<Example> make(const Row& row);

  // Says to the log how many rows were dropped or cut so far, and why; and where no row has
  // anything between the words of its prompt and those of its answer.
  void tell_losses() const;
  // Why rows were dropped so far: "3 of 3 rows dropped: ..." for each reason.
  std::vector<std::string> dropped() const;

 private:
  bool ends_twice(const std::vector<int32_t>& ids, const std::string& text) const;
  // Of a prompt and its answer, or one text; nothing where the prompt is too long.
  std::optional<Example> plain(const Row& row);
  const Tokenizer& tokenizer_;
  Conversations conversations_;
  const ModelLimits limits_;
  const std::string set_;
  size_t max_tokens_, max_prompt_;
  bool completion_only_, append_eos_, columns_used_;
  size_t rows_ = 0, long_prompts_ = 0, cut_ = 0, empty_ = 0, no_answers_ = 0, beyond_positions_ = 0;
  size_t answered_ = 0, run_together_ = 0;  // rows; those among them like "make?Bees"
  std::string run_together_like_;
  std::set<std::string> ignored_;  // columns
};

// Of all rows, whose columns they borrow; what was dropped or cut is told to the log. Throws Error
// when nothing is left.
std::vector<Example> examples_of(const std::vector<Row>& rows, const RunConfig& config,
                                 const Tokenizer& tokenizer, const ModelLimits& limits = {},
                                 const std::string& set = "data.train");

}  // namespace slipway
