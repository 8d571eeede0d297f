// The rows of a run's data sets.
#pragma once
#include <vector>

#include "config/run_config.h"
#include "data/row_stream.h"

namespace slipway {

struct Rows {
  std::vector<Row> train, eval;
};

// Reads data.train and data.eval; data.eval_rows of the former are put aside, evenly spread. Throws Error, or ConfigError when
// there are too few. With data.streaming `train` stays empty.
Rows read_rows(const RunConfig& config);

// The rows to train on with data.streaming, from the first one. Throws Error on files that cannot be streamed.
RowStream stream_rows(const RunConfig& config);

}  // namespace slipway
