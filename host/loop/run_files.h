// What a run writes beside its checkpoints, and the model files that Hugging Face's tools read.
#pragma once
#include "base/json.h"
#include "loop/checkpoint.h"
#include "model/model.h"
#include "optim/optimizer.h"
#include "text/tokenizer.h"

namespace slipway {

// One JSON object a line; every row is flushed.
class MetricsFile {
 public:
  explicit MetricsFile(fs::path path) : path_(std::move(path)) {}
  void append(const Json& row);
  int64_t size() const;                // bytes: kept in checkpoints ...
  void truncate(int64_t bytes) const;  // ... so that a resumed run has no row twice

 private:
  fs::path path_;
};

// model.safetensors, config.json and tokenizer files: a folder that transformers' from_pretrained reads.
std::vector<CheckpointFile> model_files(const Model& model, const Json& config, const Tokenizer& tokenizer);

// The optimizer's state as optimizer.safetensors, and back. read throws Error when they do not fit the model.
CheckpointFile optimizer_file(Optimizer& optimizer);
void read_optimizer(const fs::path& file, Optimizer& optimizer, int64_t step_count);

}  // namespace slipway
