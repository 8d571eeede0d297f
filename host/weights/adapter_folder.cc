// Reading and merging.
#include "weights/adapter_folder.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/excerpt.h"
#include "base/file_set.h"
#include "base/hub_name.h"
#include "base/manifest.h"
#include "base/path_kind.h"
#include "weights/other_formats.h"

namespace slipway {
namespace {

constexpr std::string_view kPeftPrefix = "base_model.model.", kA = ".lora_A.weight",
                           kB = ".lora_B.weight", kWeight = ".weight", kBase = ".base_layer.bias";

std::string without(const std::string& name, std::string_view end) {
  return name.substr(0, name.size() - end.size());
}

// The parameter that a tensor of the file is; "" where it is none.
std::string parameter_of(const std::string& tensor) {
  if (!tensor.starts_with(kPeftPrefix)) return "";
  const std::string name = tensor.substr(kPeftPrefix.size());
  if (name.ends_with(kBase)) return without(name, kBase) + ".bias";
  return name.find(".lora_") == std::string::npos || name.ends_with(kA) || name.ends_with(kB) ? name
                                                                                              : "";
}

// The folder's adapter_config.json, once it is clear that it is one of adapters.
Json config_of_adapters(const fs::path& folder) {
  finish_file_set(folder);
  for (const char* weights : {"model.safetensors", "model.safetensors.index.json"})
    if (kind_of_path(folder / weights) != PathKind::kNothing)
      fail("{}: holds both a model ({}) and adapters ({}); which of them is meant is not known",
           folder.string(), weights, kAdapterConfig);
  if (kind_of_path(folder / kAdapterWeights) == PathKind::kNothing)
    fail("{}: {}", folder.string(), other_format(folder));
  const fs::path config = folder / kAdapterConfig;
  Json json = parse_json(read_file(config), config.string());
  if (!json.is_object()) fail("{}: is not a JSON object", config.string());
  return json;
}

fs::path base_by(const Json& config, const fs::path& folder) {
  const fs::path file = folder / kAdapterConfig;
  const auto said = config.find("base_model_name_or_path");
  if (said == config.end() || !said->is_string() || said->get_ref<const std::string&>().empty())
    fail("{}: names no base model (\"base_model_name_or_path\")", file.string());
  const auto base = said->get<std::string>();
  for (const fs::path& path : {fs::path(base), folder / base}) {
    std::error_code ec;
    if (kind_of_path(path) != PathKind::kNothing && !fs::equivalent(path, folder, ec)) return path;
  }
  fail("{}: the base model \"{}\" is not there{}", file.string(), base, hub_hint(base));
}

bool is_read_of_adapters(const std::string& name) {
  return name == kAdapterConfig || name == kAdapterWeights;
}

// w [n, k] += scale b [n, r] a [r, k]
void add_product(const std::vector<float>& a, const std::vector<float>& b, double scale, int64_t n,
                 int64_t r, int64_t k, float* w) {
  for (int64_t row = 0; row < n; ++row)
    for (int64_t i = 0; i < r; ++i) {
      const auto factor =
          static_cast<float>(scale * static_cast<double>(b[static_cast<size_t>(row * r + i)]));
      const float* const from = a.data() + i * k;
      float* const to = w + row * k;
      for (int64_t c = 0; c < k; ++c) to[c] += factor * from[c];
    }
}

}  // namespace

bool is_adapter_folder(const fs::path& path) {
  return kind_of_path(path) == PathKind::kFolder &&
         kind_of_path(path / kAdapterConfig) != PathKind::kNothing;
}

fs::path base_model(const fs::path& path) {
  fs::path out = path;
  while (is_adapter_folder(out)) out = base_by(config_of_adapters(out), out);
  return out;
}

std::string peft_name(const std::string& parameter, bool adapted_bias) {
  return std::string(kPeftPrefix) +
         (adapted_bias ? without(parameter, ".bias") + std::string(kBase) : parameter);
}

AdapterFolder::AdapterFolder(const fs::path& folder)
    : folder_(folder), config_(config_of_adapters(folder)) {
  verify_manifest_if_any(folder, is_read_of_adapters);
  settings_ = lora_of(config_, (folder / kAdapterConfig).string());
  file_ = std::make_shared<const Safetensors>(folder / kAdapterWeights);
  for (const TensorInfo& tensor : file_->tensors()) {
    const std::string parameter = parameter_of(tensor.name);
    if (parameter.empty())
      fail("{}: tensor {} belongs to no adapter of LoRA", file_->path().string(),
           excerpt(tensor.name));
    tensors_.emplace(parameter, &tensor);
  }
  for (const auto& [name, tensor] : tensors_) {
    const bool is_a = name.ends_with(kA);
    if (!is_a && !name.ends_with(kB)) continue;
    const std::string other = without(name, is_a ? kA : kB) + std::string(is_a ? kB : kA);
    if (!tensors_.contains(other))
      fail("{}: has {} and no {}", file_->path().string(), peft_name(name), peft_name(other));
    if (tensor->shape.size() != 2)
      fail("{}: tensor {} is not a matrix", file_->path().string(), peft_name(name));
  }
}

fs::path AdapterFolder::base() const { return base_by(config_, folder_); }

void AdapterFolder::read(const std::string& parameter, float* out, int64_t count) const {
  const auto found = tensors_.find(parameter);
  if (found == tensors_.end())
    fail("{}: has no tensor {}", file_->path().string(), peft_name(parameter));
  check_tensor_size(*found->second, count, file_->path().string());
  decode_to_float(*found->second, out);
}

std::vector<std::string> AdapterFolder::changed() const {
  std::set<std::string> out;
  for (const auto& [name, tensor] : tensors_)
    if (name.ends_with(kA)) out.insert(without(name, kA) + std::string(kWeight));
    else if (!name.ends_with(kB)) out.insert(name);
  return {out.begin(), out.end()};
}

void AdapterFolder::apply_to(const std::string& parameter, const std::vector<int64_t>& shape,
                             float* values) const {
  int64_t count = 1;
  for (const int64_t each : shape) count *= each;
  if (has(parameter)) return read(parameter, values, count);
  if (!parameter.ends_with(kWeight)) return;
  const std::string module = without(parameter, kWeight);
  const auto found = tensors_.find(module + std::string(kA));
  if (found == tensors_.end()) return;
  const TensorInfo &a = *found->second, &b = *tensors_.at(module + std::string(kB));
  if (shape.size() != 2 || a.shape[1] != shape[1] || b.shape[0] != shape[0] ||
      a.shape[0] != b.shape[1] || a.shape[0] != settings_.rank_of(module))
    fail(
        "{}: the adapter of {} is of another shape than the module, or of another rank than {} "
        "says; do adapter and base model belong together?",
        file_->path().string(), module, kAdapterConfig);
  const int64_t n = shape[0], k = shape[1], r = a.shape[0];
  std::vector<float> a_values(static_cast<size_t>(r * k)), b_values(static_cast<size_t>(n * r));
  decode_to_float(a, a_values.data());
  decode_to_float(b, b_values.data());
  add_product(a_values, b_values, settings_.scale_of(module), n, r, k, values);
}

ModelWeights open_adapted(const fs::path& folder) {
  const auto adapters = std::make_shared<const AdapterFolder>(folder);
  ModelWeights out = open_weights(adapters->base());
  if (!out.read)
    fail("{}: its base, {}, is a program; adapters need weights", folder.string(), out.origin);
  for (const std::string& name : adapters->changed())
    if (!out.tensors.contains(name))
      fail("{}: adapts {}, which {} does not have", folder.string(), name, out.origin);
  out.origin = folder.string();
  out.read = [adapters, base = out.read, tensors = out.tensors](const std::string& name,
                                                                float* values, int64_t count) {
    base(name, values, count);
    adapters->apply_to(name, tensors.at(name)->shape, values);
  };
  return out;
}

}  // namespace slipway
