// Files of a run.
#include "loop/run_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "device/accelerator/device_tensors.h"
#include "weights/generation_config.h"
#include "weights/shards.h"

namespace slipway {

void MetricsFile::append(const Json& row) {
  const std::string line = row.dump() + "\n";
  const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) fail("{}: {}", path_.string(), std::strerror(errno));
  const bool whole = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  ::close(fd);
  if (!whole) fail("{}: cannot write; is the disk full?", path_.string());
}

int64_t MetricsFile::size() const {
  std::error_code ec;
  const auto bytes = fs::file_size(path_, ec);
  return ec ? 0 : static_cast<int64_t>(bytes);
}

void MetricsFile::truncate(int64_t bytes) const {
  if (size() > bytes) fs::resize_file(path_, static_cast<uintmax_t>(bytes));
}

ModelFolder model_folder_of(const RunConfig& run, Json config) {
  for (const char* key : {"dtype", "torch_dtype"})
    if (config.contains(key)) config[key] = "float32";
  Json generation = generation_config_of(run.weights, config);
  return {std::move(config), std::move(generation), bytes_of_size(run.text("train", "max_shard_size"))};
}

namespace {

void write_shard(const fs::path& path, const Shard& shard, const FlatParameters& parameters) {
  std::vector<FloatTensor> tensors = shard.tensors;
  std::vector<at::Tensor> here;  // owns what `tensors` points to where weights lie on an accelerator
  for (size_t i = 0; i < parameters.specs().size(); ++i) {
    const auto found = std::ranges::find(tensors, parameters.specs()[i].name, &FloatTensor::name);
    if (parameters.specs()[i].tied_to >= 0 || found == tensors.end()) continue;
    here.push_back(on_host(parameters.tensor(i)));
    found->data = here.back().const_data_ptr<float>();
  }
  write_safetensors(path, tensors);
}

}  // namespace

std::vector<CheckpointFile> model_files(const Model& model, const ModelFolder& folder, const Tokenizer& tokenizer) {
  std::vector<CheckpointFile> out;
  std::vector<FloatTensor> tensors;
  const auto& specs = model.parameters().specs();
  for (size_t i = 0; i < specs.size(); ++i)
    if (specs[i].tied_to < 0) tensors.push_back({specs[i].name, specs[i].shape, model.parameters().tensor(i).const_data_ptr<float>()});
  const std::vector<Shard> shards = cut_into_shards(std::move(tensors), folder.max_shard_bytes);
  for (const Shard& shard : shards) out.push_back({shard.name, [shard, &model](const fs::path& path) { write_shard(path, shard, model.parameters()); }});
  const auto json = [&](const char* name, const Json& content) {
    out.push_back({name, [content](const fs::path& path) { write_file_durably(path, content.dump(2) + "\n"); }});
  };
  if (shards.size() > 1) json("model.safetensors.index.json", shard_index(shards));
  if (const char* file = model.state_file(); file != nullptr) out.push_back({file, [&model](const fs::path& path) { write_file_durably(path, model.state()); }});
  json("config.json", folder.config);
  json("generation_config.json", folder.generation_config);
  // The tokenizer's files come in one call; the list names each so that the manifest covers them.
  out.push_back({"tokenizer.json", [&tokenizer](const fs::path& path) { save_tokenizer(tokenizer, path.parent_path()); }});
  out.push_back({"tokenizer_config.json", [](const fs::path&) {}});
  out.push_back({"special_tokens_map.json", [](const fs::path&) {}});
  return out;
}

void drop_other_weights(const fs::path& folder, const std::vector<CheckpointFile>& written) {
  std::vector<fs::path> others;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (is_weights_file(name) && std::ranges::find(written, name, &CheckpointFile::name) == written.end()) others.push_back(entry.path());
  }
  for (const fs::path& each : others) fs::remove(each);
}

}  // namespace slipway
