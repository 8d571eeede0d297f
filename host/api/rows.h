// The rows of a run's data sets.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "data/row_stream.h"
#include "loop/sft.h"
#include "plugin/columns.h"
#include "raft/raft.h"

namespace slipway {

struct EvalRows {
  std::string name;  // "" = the only set
  std::vector<Row> rows;
};

struct Rows {
  std::vector<Row> train;
  std::vector<EvalRows> eval;
  Json files = Json::object();  // {"data.train": [...], ...}: what was read (data/data_files.h)
};

// Reads data.train and data.eval; data.eval_rows of the former are put aside, evenly spread. Throws
// Error, or ConfigError when there are too few. With data.streaming `train` stays empty.
Rows read_rows(const RunConfig& config);
// Without those to train on, which are read only where some of them are put aside.
Rows read_eval_rows(const RunConfig& config);

// What the model can take.
ModelLimits limits_of(const Model& model);

// Throws Error naming the row that cannot be evaluated on, or the set of which nothing is left.
std::vector<EvaluationSet> evaluation_sets(const std::vector<EvalRows>& rows,
                                           const RunConfig& config, const Tokenizer& tokenizer,
                                           const ModelLimits& limits);
// "data.eval", "data.eval.news", "data.eval_rows": the set's name in messages.
std::string name_in_messages(const EvalRows& set, const RunConfig& config);

// What the run's algorithm trains on; the other one's is empty.
struct RunData {
  RaftData raft;
  SftData sft;
};
// `rows` and `tokenizer` outlive it. Throws Error naming the row that cannot be trained on.
RunData run_data(const Rows& rows, const RunConfig& config, const Tokenizer& tokenizer,
                 const ModelLimits& limits);

// The types of the extra columns over all rows; nothing with data.streaming, where nobody has seen
// them all.
std::optional<ColumnTypes> column_types(const RunConfig& config, const Rows& rows);

// The rows to train on with data.streaming, from the first one. Throws Error on files that cannot
// be streamed.
RowStream stream_rows(const RunConfig& config);

}  // namespace slipway
