// The first examples of a run's data, as the model will see them: what `slipway data show` prints.
#pragma once
#include <string>
#include <vector>

#include "config/run_config.h"

namespace slipway {

struct ShownToken {
  int32_t id;
  bool loss;  // carries loss
};

struct ShownRow {
  std::string where;  // "data.jsonl:1"
  std::vector<ShownToken> tokens;
  std::string fault;  // why it is none to train on; "" = it is one
};

struct ShownRun {    // consecutive tokens that carry loss, or that do not
  std::string text;  // special tokens by name
  bool loss;
};

struct ShownData {
  std::vector<ShownRow> rows;
  std::vector<std::vector<ShownRun>> runs;  // of each row
  std::vector<std::vector<std::string>>
      token_texts;  // of each row's tokens, in the vocabulary's alphabet
};

// The first `count` rows of data.train, by the run's tokenizer and chat template: of sft its
// examples, of raft what answers are sampled to. Loads no model. Throws Error on data that cannot
// be read.
ShownData shown_data(const RunConfig& config, size_t count);

}  // namespace slipway
