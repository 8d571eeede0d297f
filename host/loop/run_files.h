// What a run writes beside its checkpoints, and the model files that Hugging Face's tools read.
#pragma once
#include "base/json.h"
#include "config/run_config.h"
#include "loop/checkpoint.h"
#include "model/model.h"
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

// What a model folder holds beside weights and tokenizer.
struct ModelFolder {
  Json config, generation_config;
  int64_t max_shard_bytes;
};
// Of the run's model: its config.json says float32, which the saved weights are. Throws Error on a malformed generation_config.json.
ModelFolder model_folder_of(const RunConfig& run, Json config);

// Weights (in shards where they are larger than one may be), configuration and tokenizer files: a folder that transformers'
// from_pretrained reads.
std::vector<CheckpointFile> model_files(const Model& model, const ModelFolder& folder, const Tokenizer& tokenizer);

// Deletes weights in `folder` that are none of `written`: of an earlier save in other shards.
void drop_other_weights(const fs::path& folder, const std::vector<CheckpointFile>& written);

}  // namespace slipway
