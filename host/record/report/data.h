// What a run folder says about its run, read leniently: the rows of metrics.jsonl as columns,
// samples, outcome.
#pragma once
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "record/recorded_values.h"

namespace slipway::report {

inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// Rows of one kind in the order of the file: one column per key that holds a number in some row.
// Every column has `rows` entries; null, NaN, an absent key and magnitudes over 1e30 (which no axis
// can show) are kMissing.
struct Table {
  size_t rows = 0;
  std::map<std::string, std::vector<double>> columns;

  // an empty vector when no row has the key
  const std::vector<double>& column(const std::string& key) const;
  bool has(const std::string& key) const;      // some row has a number there
  double first(const std::string& key) const;  // kMissing when there is none
  double last(const std::string& key) const;
};

struct Sample {
  std::string prompt, completion;
  double reward = kMissing;
};

struct Pair {
  Sample before, after;  // the same prompt
  double change() const { return after.reward - before.reward; }
};

// One line of predictions.jsonl.
struct Prediction {
  std::string prompt, label, prediction;
  double logprob = kMissing;  // of a token of the label, the mean over them
};

struct Record {
  std::string name;                      // of the folder
  Table steps, iterations, evaluations;  // rows of training, of RAFT iterations, of evaluations
  std::string outcome;                   // of the "end" row; empty while the run goes on
  // of the "end" row, else between the first and the last row
  double seconds = kMissing;
  double first_time = kMissing, last_time = kMissing;  // unix seconds of the first and last row
  double kept_iteration = kMissing;                    // a rollback went back to this iteration
  // lines that are no JSON object, a torn last one not counted
  size_t unreadable = 0;
  std::string config;     // config.resolved.toml, empty when missing
  RecordedValues values;  // of it; empty when it cannot be read

  int first_iteration = -1, last_iteration = -1;    // of samples/iteration-*.jsonl; -1: none
  std::vector<double> first_rewards, last_rewards;  // every finite reward of those two files
  int before_iteration = -1, after_iteration = -1;  // of samples/eval-*.jsonl
  std::vector<Pair> pairs;              // held-out prompts that both files hold, with both rewards
  size_t held_out_prompts = 0;          // lines of the first of the two
  std::vector<Prediction> predictions;  // the first ones of predictions.jsonl
  bool more_predictions = false;
};

// Throws Error when run_dir has no metrics.jsonl. All text in the record is valid UTF-8 without
// control characters other than tab and line feed.
Record read_record(const fs::path& run_dir);

// The same without what samples/ and predictions.jsonl hold.
Record read_rows(const fs::path& run_dir);

// Calls `use` with every line of `text` that is a JSON object; returns how many are not, a torn
// last line left out. NaN and infinities count as null.
size_t each_row(const std::string& text, const std::function<void(const Json&)>& use);

// That of a row; kMissing and "" when it has none of the kind.
double number_at(const Json& row, const char* key);
std::string text_at(const Json& row, const char* key);

// The row of `evaluations` that describes the model the run ended with: the last one, or the one
// that a rollback went back to. -1 when there is none.
int final_evaluation(const Record& record);

// The value of the column in that row; kMissing when there is none.
double final_value(const Record& record, const std::string& key);

// `text` with every invalid UTF-8 sequence, control character and noncharacter replaced by U+FFFD.
std::string clean_text(std::string_view text);

}  // namespace slipway::report
