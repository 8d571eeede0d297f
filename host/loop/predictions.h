// What a model predicts for each example, written while it is being computed: JSON Lines, or padded
// arrays in safetensors.
#pragma once
#include <memory>
#include <set>
#include <span>
#include <string>

#include "base/files.h"
#include "loop/evaluation.h"
#include "text/tokenizer.h"

namespace slipway {

// The outputs there are. JSON Lines has all but logits, one row an example: texts, and for each
// label its id, the most likely token's and the label's log-probability. safetensors has those that
// are numbers, [examples, longest] and logits [examples, longest, vocab], laid out as Hugging
// Face's PredictionOutput: column i of label_ids and logprobs is token i's, column i of predictions
// and logits what is predicted after token i. Where there is no label, and no prediction of one,
// they hold -100.
inline constexpr const char* kPredictionOutputs[] = {
    "prompt", "label", "prediction", "label_ids", "predictions", "logprobs", "logits"};

class PredictionFile {
 public:
  virtual ~PredictionFile() = default;
  // Sets the hooks that fill the file during one evaluation; this outlives them.
  virtual void follow(EvaluationHooks& hooks) = 0;
  // puts the file in place; without it nothing is left behind. Throws Error.
  virtual void commit() = 0;
};

// By the name's end: ".safetensors", else JSON Lines. `outputs`: those of kPredictionOutputs that
// are wanted. `examples` and `tokenizer` outlive the file. Throws Error.
std::unique_ptr<PredictionFile> open_predictions(const fs::path& path,
                                                 const std::set<std::string>& outputs,
                                                 std::span<const Example> examples,
                                                 const Tokenizer& tokenizer, int64_t vocab_size);

// What the file of the first of several ranks needs of the others: nothing is written.
std::unique_ptr<PredictionFile> predictions_for_first_rank(const fs::path& path,
                                                           const std::set<std::string>& outputs);

}  // namespace slipway
