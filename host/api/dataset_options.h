// How [data] says that rows are read.
#pragma once
#include "config/run_config.h"
#include "data/dataset.h"

namespace slipway {

DatasetOptions dataset_options(const RunConfig& config);

}  // namespace slipway
