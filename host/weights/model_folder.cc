// Weights under Hugging Face's names, from a folder or from GGUF.
#include "weights/model_folder.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/excerpt.h"
#include "base/file_set.h"
#include "base/git_lfs.h"
#include "base/manifest.h"
#include "base/nearest.h"
#include "base/path_kind.h"
#include "base/plain_name.h"
#include "weights/adapter_folder.h"
#include "weights/gguf_model.h"
#include "weights/other_formats.h"
#include "weights/safetensors.h"
#include "weights/shards.h"
#include "weights/slices.h"

namespace slipway {
namespace {

bool is_there(const fs::path& path) { return kind_of_path(path) != PathKind::kNothing; }

// The file names of the shards, and the tensors that the index says are in each.
std::map<std::string, std::vector<std::string>> shards_of(const fs::path& folder) {
  if (is_there(folder / "model.safetensors")) return {{"model.safetensors", {}}};
  const fs::path index = folder / "model.safetensors.index.json";
  if (!is_there(index)) {
    const std::string other = other_format(folder);
    fail("{}: {}", folder.string(),
         other.empty() ? "has neither model.safetensors nor model.safetensors.index.json" : other);
  }
  const nlohmann::json json = parse_unique_json(read_file(index), index.string());
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object())
    fail("{}: has no \"weight_map\"", index.string());
  std::map<std::string, std::vector<std::string>> out;
  for (const auto& [tensor, file] : json["weight_map"].items()) {
    if (!file.is_string()) fail("{}: \"{}\" names no file", index.string(), excerpt(tensor));
    const auto name = file.get<std::string>();
    if (!is_plain_name(name))
      fail("{}: the shard of \"{}\" is not a file in the folder: \"{}\"", index.string(),
           excerpt(tensor), excerpt(name));
    if (!is_there(folder / name))
      fail("{}: shard \"{}\" is not there; is the download complete?", index.string(), name);
    out[name].push_back(tensor);
  }
  return out;
}

constexpr const char* kPrograms[] = {"model.pt", "model.pt2"};

Json config_in(const fs::path& folder, bool needed) {
  const fs::path path = folder / "config.json";
  if (!needed && !is_there(path)) return {{"model_type", "torchscript"}};
  if (!is_there(path)) {
    const std::string other = other_format(folder);
    fail("{}: {}", folder.string(),
         other.empty() ? "has no config.json; a Hugging Face model folder, a .gguf file, or "
                         "TorchScript (model.pt) is expected"
                       : other);
  }
  Json out = parse_json(read_file(path), path.string());
  if (!out.is_object()) fail("{}: is not a JSON object", path.string());
  return out;
}

ModelWeights open_program(const fs::path& path) {
  ModelWeights out;
  out.origin = path.string();
  out.program = fs::absolute(path);
  refuse_git_lfs_pointer(MappedFile(path).text(), path.string());
  out.config = config_in(out.program.parent_path(), false);
  return out;
}

// A checkpoint that ranks wrote in slices (train.save_sharded), where it has the weights too.
bool has_slices(const fs::path& folder) { return is_there(folder / kSliceTable); }

// The shapes, and what puts the slices together.
void read_slices(const fs::path& folder, ModelWeights& out) {
  struct Sliced {
    SlicedFiles files;
    std::vector<TensorInfo> tensors;
  };
  const auto sliced = std::make_shared<Sliced>(SlicedFiles(folder), std::vector<TensorInfo>());
  const SliceTable& table = sliced->files.table();
  if (!table.weights) fail("{}: holds no weights", folder.string());
  sliced->tensors.reserve(table.of.size());
  for (const auto& [name, parameter] : table.of) {
    sliced->tensors.push_back({name, Encoding::kF32, parameter.shape, {}});
    out.tensors.emplace(name, &sliced->tensors.back());
    out.names.push_back(name);
  }
  out.read = [sliced, origin = out.origin, names = out.names](const std::string& name, float* data,
                                                              int64_t count) {
    if (!sliced->files.table().of.contains(name)) fail_missing_tensor(name, names, origin);
    sliced->files.read(name, "", count, 0, std::span(data, static_cast<size_t>(count)));
  };
}

bool has_safetensors(const fs::path& folder) {
  return is_there(folder / "model.safetensors") ||
         is_there(folder / "model.safetensors.index.json");
}

fs::path program_in(const fs::path& folder) {
  for (const char* name : kPrograms)
    if (is_there(folder / name)) return folder / name;
  return {};
}

// Of a checkpoint of ours, what a model is read from; whoever damaged the rest does no harm here.
bool is_read(const std::string& name) {
  return is_weights_file(name) || name == "config.json" ||
         std::ranges::find(kPrograms, name) != std::end(kPrograms);
}

// Buffers that older files keep: rotary frequencies, and GPT-2's causal masks.
bool follows_from_the_rest(std::string_view tensor, bool gpt2) {
  return tensor.ends_with(".rotary_emb.inv_freq") ||
         (gpt2 && (tensor.ends_with(".attn.bias") || tensor.ends_with(".attn.masked_bias")));
}

ModelWeights open_folder(const fs::path& folder) {
  finish_file_set(folder);
  verify_manifest_if_any(folder, is_read);
  ModelWeights out;
  if (const fs::path program = program_in(folder); !program.empty()) out = open_program(program);
  if (!out.program.empty() && !has_safetensors(folder) && !has_slices(folder)) return out;
  // A package has its weights inside. Beside other weights it is not what the folder stands for,
  // and whoever opens these runs no code.
  if (out.program.extension() == ".pt2") out.program.clear();
  out.origin = folder.string();
  out.config = config_in(folder, out.program.empty());
  if (!has_safetensors(folder) && has_slices(folder)) {
    read_slices(folder, out);
    return out;
  }
  auto files = std::make_shared<std::vector<Safetensors>>();
  for (const auto& [name, promised] : shards_of(folder)) {
    const Safetensors& file = files->emplace_back(folder / name);
    std::set<std::string_view> there;
    for (const TensorInfo& tensor : file.tensors()) there.insert(tensor.name);
    for (const std::string& tensor : promised)
      if (!there.contains(tensor))
        fail("{}: has no tensor \"{}\", but model.safetensors.index.json says so",
             file.path().string(), excerpt(tensor));
  }
  const bool gpt2 = out.config.value("model_type", Json()) == "gpt2";
  for (const Safetensors& file : *files)
    for (const TensorInfo& tensor : file.tensors()) {
      if (follows_from_the_rest(tensor.name, gpt2)) continue;
      // GPT-2's own files have the names that the model has without its head
      const std::string name =
          gpt2 && !tensor.name.starts_with("transformer.") && tensor.name != "lm_head.weight"
              ? "transformer." + tensor.name
              : tensor.name;
      if (!out.tensors.emplace(name, &tensor).second)
        fail("{}: tensor {} occurs in two files", folder.string(), excerpt(tensor.name));
      out.names.push_back(name);
    }
  out.read = [files, tensors = out.tensors, origin = out.origin, names = out.names](
                 const std::string& name, float* data, int64_t count) {
    const auto it = tensors.find(name);
    if (it == tensors.end()) fail_missing_tensor(name, names, origin);
    check_tensor_size(*it->second, count, origin);
    decode_to_float(*it->second, data);
  };
  out.read_rows = [files, tensors = out.tensors](const std::string& name, Encoding encoding,
                                                 std::span<std::byte> rows) {
    const auto it = tensors.find(name);
    if (it == tensors.end() || it->second->encoding != encoding ||
        it->second->bytes.size() != rows.size())
      return false;
    std::ranges::copy(it->second->bytes, rows.begin());
    return true;
  };
  return out;
}

}  // namespace

void check_tensor_size(const TensorInfo& tensor, int64_t count, const std::string& origin) {
  if (const int64_t have = element_count(tensor.shape, origin + ": tensor " + tensor.name);
      have != count)
    fail(
        "{}: tensor {} has {} values, the model needs {}; do config.json and the weights belong "
        "together?",
        origin, tensor.name, have, count);
}

void fail_missing_tensor(const std::string& name, const std::vector<std::string>& names,
                         const std::string& origin) {
  fail("{}: no tensor \"{}\"{}", origin, name, did_you_mean(name, names));
}

ModelWeights open_weights(const fs::path& path) {
  const PathKind kind = kind_of_path(path);
  if (kind == PathKind::kNothing) {
    std::vector<std::string> beside;
    std::error_code ec;
    for (const auto& entry :
         fs::directory_iterator(path.has_parent_path() ? path.parent_path() : fs::path("."), ec))
      beside.push_back(entry.path().filename().string());
    fail("{}: no such file or folder{}", path.string(),
         did_you_mean(path.filename().string(), beside));
  }
  if (is_adapter_folder(path)) return open_adapted(path);
  if (kind == PathKind::kFolder) return open_folder(path);
  return program_at(path).empty() ? open_gguf(path) : open_program(path);
}

fs::path program_at(const fs::path& path) {
  if (kind_of_path(path) == PathKind::kFolder)
    return has_safetensors(path) ? fs::path() : program_in(path);
  return path.extension() == ".pt" || path.extension() == ".pt2" ? path : fs::path();
}

}  // namespace slipway
