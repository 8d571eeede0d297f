// The files of a run's data, read as the run would read them.
#pragma once
#include <string>
#include <vector>

#include "config/faulty_run.h"

namespace slipway {

// The first fault of each file of data.train and data.eval, as the run would say it, and what is
// wrong with their number; files of data.streaming are read in their first kStreamedRows rows.
// Files that are not there are passed over: their faults are told by read_faulty_run().
std::vector<std::string> data_faults(const FaultyRun& run);

constexpr int kStreamedRows = 1000;

}  // namespace slipway
