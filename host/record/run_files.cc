// Files of a run.
#include "record/run_files.h"

#include <algorithm>

#include "base/error.h"
#include "base/file_set.h"
#include "base/place.h"
#include "weights/generation_config.h"
#include "weights/shards.h"

namespace slipway {

ModelFolder model_folder_of(const RunConfig& run, Json config) {
  for (const char* key : {"dtype", "torch_dtype"})
    if (config.contains(key)) config[key] = "float32";
  Json generation = generation_config_of(run.weights, config);
  return {std::move(config), std::move(generation),
          bytes_of_size(run.text("train", "max_shard_size"))};
}

namespace {

void write_shard(const fs::path& path, const Shard& shard, const FlatParameters& parameters,
                 const HostValues& values, const BeforeReading& before_reading) {
  std::vector<FloatTensor> tensors = shard.tensors;
  std::vector<at::Tensor> here;  // owns what `tensors` points to
  for (size_t i = 0; i < parameters.specs().size(); ++i) {
    const auto found = std::ranges::find(tensors, parameters.specs()[i].name, &FloatTensor::name);
    if (parameters.specs()[i].tied_to >= 0 || found == tensors.end()) continue;
    here.push_back(values(parameters.tensor(i)));
    found->data = here.back().const_data_ptr<float>();
  }
  write_safetensors(path, tensors, before_reading);
}

}  // namespace

std::vector<CheckpointFile> model_files(const Model& model, const ModelFolder& folder,
                                        const Tokenizer& tokenizer, HostValues values,
                                        BeforeReading before_reading) {
  std::vector<CheckpointFile> out;
  std::vector<FloatTensor> tensors;
  const auto& specs = model.parameters().specs();
  for (size_t i = 0; i < specs.size(); ++i)
    if (specs[i].tied_to < 0)
      tensors.push_back(
          {specs[i].name, specs[i].shape, model.parameters().tensor(i).const_data_ptr<float>()});
  const std::vector<Shard> shards = cut_into_shards(std::move(tensors), folder.max_shard_bytes);
  for (const Shard& shard : shards)
    out.push_back({shard.name, [shard, &model, values, before_reading](const fs::path& path) {
                     write_shard(path, shard, model.parameters(), values, before_reading);
                   }});
  const auto json = [&](const char* name, const Json& content) {
    out.push_back({name, [content](const fs::path& path) {
                     write_file_durably(path, content.dump(2) + "\n");
                   }});
  };
  if (shards.size() > 1) json("model.safetensors.index.json", shard_index(shards));
  if (const char* file = model.state_file(); file != nullptr)
    out.push_back(
        {file, [state = model.state()](const fs::path& path) { write_file_durably(path, state); }});
  json("config.json", folder.config);
  json("generation_config.json", folder.generation_config);
  // The tokenizer's files come in one call; the list names each so that the manifest covers them.
  for (const std::string& name : tokenizer_file_names(tokenizer)) {
    if (name != "tokenizer.json") out.push_back({name, [](const fs::path&) {}});
    else
      out.push_back({name, [&tokenizer](const fs::path& path) {
                       save_tokenizer(tokenizer, path.parent_path());
                     }});
  }
  return out;
}

void save_model_files(const fs::path& folder, const std::vector<CheckpointFile>& files) {
  FileSet set(folder);
  for (const CheckpointFile& file : files) file.write(set.part() / file.name);
  std::vector<std::string> obsolete;
  for (const fs::path& path : list_folder(folder)) {
    const std::string name = path.filename().string();
    if ((is_weights_file(name) || is_tokenizer_file(name)) && !path_exists(set.part() / name))
      obsolete.push_back(name);
  }
  set.place(obsolete, "config.json");
}

}  // namespace slipway
