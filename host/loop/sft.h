// Supervised fine-tuning: one stage over a dataset, with evaluation and checkpoints.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/row_stream.h"
#include "loop/evaluation.h"
#include "loop/examples.h"
#include "loop/run.h"

namespace slipway {

struct SftData {
  std::vector<Example> train;
  std::vector<EvaluationSet> eval;
  std::span<MetricPlugin> metrics;  // of every evaluation
  struct Stream {
    RowStream rows;
    ExampleMaker maker;
  };
  std::optional<Stream> stream;  // in place of `train`, with data.streaming
  // what was read (data/data_files.h), for checkpoints; a stream's place tells of its own
  Json files = Json::object();
};

// Trains to the end, or throws: Interrupted after a signal, Error on failure. `checkpoint`: where
// to go on from. Returns why it ended: "completed", "stopped: ...".
std::string run_sft(Run& run, SftData& data, const std::optional<fs::path>& checkpoint);

}  // namespace slipway
