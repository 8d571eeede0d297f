// The rows of a run's data sets.
#pragma once
#include <vector>

#include "config/run_config.h"
#include "data/dataset.h"

namespace slipway {

struct Rows {
  std::vector<Row> train, eval;
};

// Reads data.train and data.eval; data.eval_rows of the former are put aside, evenly spread. Throws Error, or ConfigError when
// there are too few.
Rows read_rows(const RunConfig& config);

}  // namespace slipway
