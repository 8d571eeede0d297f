// Training rows from files: JSON Lines, LMFlow JSON (text_only, text2text), TRL rows (prompt, completion, text), plain text.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"

namespace slipway {

struct Row {
  std::string prompt;      // "" when the row is one text
  std::string completion;  // what the loss is on; a plain text counts as a completion of nothing
  Json columns;            // everything else that the row had; rewards see it
  std::string where;       // "file:line", for messages
};

struct DatasetOptions {
  std::string format = "auto";  // auto, jsonl, lmflow, text, tsv
  int64_t text_column = 1;      // tsv: which column is the text, from 1
  int64_t prompt_words = 0;     // > 0: the first N words are the prompt, the rest the completion; shorter rows are dropped
  int64_t limit = 0;            // 0 = all
};

// Rows of all files in order. Throws Error "file:line: ..." on the first malformed row, and when nothing is left.
std::vector<Row> read_dataset(const std::vector<fs::path>& files, const DatasetOptions& options);

}  // namespace slipway
