// What a run writes beside its checkpoints, and the model files that Hugging Face's tools read.
#pragma once
#include "base/json.h"
#include "config/run_config.h"
#include "model/model.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/host_copy.h"
#include "record/checkpoint.h"
#include "text/tokenizer.h"

namespace slipway {

// What a model folder holds beside weights and tokenizer.
struct ModelFolder {
  Json config, generation_config;
  int64_t max_shard_bytes;
  Json adapter_config = nullptr;  // of a run that trains adapters
};
// A config.json of weights that are written as float32.
Json as_float32(Json config);

// Of the run's model: its config.json says float32, which the saved weights are. Throws Error on a
// malformed generation_config.json.
ModelFolder model_folder_of(const RunConfig& run, Json config);

// Of a model with adapters, these and what PEFT's from_pretrained reads beside them. Else weights
// (in shards where they are larger than one may be), configuration and tokenizer files: a folder
// that transformers' from_pretrained reads. Model and tokenizer outlive the files' writing; weights
// are what `values` gives then, and are read after before_reading() was called with their address.
// Throws Error.
std::vector<CheckpointFile> model_files(const Model& model, const ModelFolder& folder,
                                        const Tokenizer& tokenizer, HostValues values = on_host,
                                        BeforeReading before_reading = {});

// Puts the files of model_files() into `folder` as a set (base/file_set.h): weights of an earlier
// save in other shards and files of another tokenizer go with it. Throws Error.
void save_model_files(const fs::path& folder, const std::vector<CheckpointFile>& files);

}  // namespace slipway
