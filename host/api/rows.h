// The rows of a run's data sets.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "data/row_stream.h"
#include "loop/evaluation.h"
#include "plugin/columns.h"
#include "text/tokenizer.h"

namespace slipway {

struct EvalRows {
  std::string name;  // "" = the only set
  std::vector<Row> rows;
};

struct Rows {
  std::vector<Row> train;
  std::vector<EvalRows> eval;
};

// Reads data.train and data.eval; data.eval_rows of the former are put aside, evenly spread. Throws Error, or ConfigError when
// there are too few. With data.streaming `train` stays empty.
Rows read_rows(const RunConfig& config);
// Those to evaluate on; the others are read only where some of them are put aside.
std::vector<EvalRows> read_eval_rows(const RunConfig& config);

std::vector<EvaluationSet> evaluation_sets(const std::vector<EvalRows>& rows, const RunConfig& config, const Tokenizer& tokenizer);

// The types of the extra columns over all rows; nothing with data.streaming, where nobody has seen them all.
std::optional<ColumnTypes> column_types(const RunConfig& config, const Rows& rows);

// The rows to train on with data.streaming, from the first one. Throws Error on files that cannot be streamed.
RowStream stream_rows(const RunConfig& config);

}  // namespace slipway
