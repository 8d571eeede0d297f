// Files of a run.
#include "record/run_files.h"

#include <algorithm>

#include "base/error.h"
#include "base/file_set.h"
#include "base/place.h"
#include "model/lora_keys.h"
#include "weights/adapter_folder.h"
#include "weights/generation_config.h"
#include "weights/shards.h"

namespace slipway {

Json as_float32(Json config) {
  for (const char* key : {"dtype", "torch_dtype"})
    if (config.contains(key)) config[key] = "float32";
  return config;
}

ModelFolder model_folder_of(const RunConfig& run, Json given) {
  Json config = as_float32(std::move(given));
  Json generation = generation_config_of(base_model(run.weights), config);
  ModelFolder out{std::move(config), std::move(generation),
                  bytes_of_size(run.text("train", "max_shard_size"))};
  if (const std::optional<LoraSettings> lora = lora_settings(run))
    out.adapter_config = adapter_config(*lora, run.weights.string());
  return out;
}

namespace {

// What a parameter's tensor is called in the file.
using NameOf = std::function<std::string(const ParameterSpec& spec)>;

std::string own_name(const ParameterSpec& spec) { return spec.name; }

void write_shard(const fs::path& path, const Shard& shard, const FlatParameters& parameters,
                 const NameOf& name_of, const HostValues& values,
                 const BeforeReading& before_reading) {
  std::vector<FloatTensor> tensors = shard.tensors;
  std::vector<at::Tensor> here;  // owns what `tensors` points to
  for (size_t i = 0; i < parameters.specs().size(); ++i) {
    const auto found =
        std::ranges::find(tensors, name_of(parameters.specs()[i]), &FloatTensor::name);
    if (parameters.specs()[i].tied_to >= 0 || found == tensors.end()) continue;
    here.push_back(values(parameters.tensor(i)));
    found->data = here.back().const_data_ptr<float>();
  }
  write_safetensors(path, tensors, before_reading);
}

CheckpointFile json_file(const char* name, const Json& content) {
  return {name,
          [content](const fs::path& path) { write_file_durably(path, content.dump(2) + "\n"); }};
}

// The tokenizer's files come in one call; the list names each so that the manifest covers them.
void add_tokenizer_files(const Tokenizer& tokenizer, std::vector<CheckpointFile>& out) {
  for (const std::string& name : tokenizer_file_names(tokenizer)) {
    if (name != "tokenizer.json") out.push_back({name, [](const fs::path&) {}});
    else
      out.push_back({name, [&tokenizer](const fs::path& path) {
                       save_tokenizer(tokenizer, path.parent_path());
                     }});
  }
}

// As PEFT names them: adapters, and what is trained whole beside them.
std::vector<CheckpointFile> adapter_files(const Model& model, const ModelFolder& folder,
                                          const HostValues& values,
                                          const BeforeReading& before_reading) {
  const auto& specs = model.parameters().specs();
  const NameOf name_of = [&specs](const ParameterSpec& spec) {
    const std::string module = spec.name.substr(0, spec.name.rfind('.'));
    return peft_name(spec.name, spec.name.ends_with(".bias") &&
                                    std::ranges::any_of(specs, [&](const ParameterSpec& each) {
                                      return each.name == module + ".lora_A.weight";
                                    }));
  };
  Shard shard{kAdapterWeights, {}};
  for (size_t i = 0; i < specs.size(); ++i)
    if (specs[i].tied_to < 0 && specs[i].trainable)
      shard.tensors.push_back({name_of(specs[i]), specs[i].shape,
                               model.parameters().tensor(i).const_data_ptr<float>()});
  return {{kAdapterWeights,
           [shard, name_of, &model, values, before_reading](const fs::path& path) {
             write_shard(path, shard, model.parameters(), name_of, values, before_reading);
           }},
          json_file(kAdapterConfig, folder.adapter_config)};
}

}  // namespace

std::vector<CheckpointFile> model_files(const Model& model, const ModelFolder& folder,
                                        const Tokenizer& tokenizer, HostValues values,
                                        BeforeReading before_reading) {
  if (!model.adapters().empty()) {
    std::vector<CheckpointFile> out = adapter_files(model, folder, values, before_reading);
    add_tokenizer_files(tokenizer, out);
    return out;
  }
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
                     write_shard(path, shard, model.parameters(), own_name, values, before_reading);
                   }});
  if (shards.size() > 1)
    out.push_back(json_file("model.safetensors.index.json", shard_index(shards)));
  if (const char* file = model.state_file(); file != nullptr)
    out.push_back(
        {file, [state = model.state()](const fs::path& path) { write_file_durably(path, state); }});
  out.push_back(json_file("config.json", folder.config));
  out.push_back(json_file("generation_config.json", folder.generation_config));
  add_tokenizer_files(tokenizer, out);
  return out;
}

void save_model_files(const fs::path& folder, const std::vector<CheckpointFile>& files) {
  FileSet set(folder);
  for (const CheckpointFile& file : files) file.write(set.part() / file.name);
  std::vector<std::string> obsolete;
  for (const fs::path& path : list_folder(folder)) {
    const std::string name = path.filename().string();
    const bool of_a_model = is_weights_file(name) || is_tokenizer_file(name) ||
                            name == kAdapterConfig || name == "config.json" ||
                            name == "generation_config.json";
    if (of_a_model && !path_exists(set.part() / name)) obsolete.push_back(name);
  }
  set.place(obsolete, path_exists(set.part() / kAdapterConfig) ? kAdapterConfig : "config.json");
}

}  // namespace slipway
