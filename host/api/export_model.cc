// GGUF files and Hugging Face folders of models.
#include "api/export_model.h"

#include <algorithm>

#include "api/load_model.h"
#include "base/error.h"
#include "base/log.h"
#include "model/check_weights.h"
#include "plugin/trampoline.h"
#include "record/run_files.h"
#include "text/gguf_tokens.h"
#include "weights/adapter_folder.h"
#include "weights/generation_config.h"
#include "weights/gguf.h"
#include "weights/gguf_export.h"

namespace slipway {
namespace {

Encoding encoding_of(const std::string& type) {
  if (type == "f32") return Encoding::kF32;
  if (type == "f16") return Encoding::kF16;
  if (type == "bf16") return Encoding::kBF16;
  if (type == "q8_0") return Encoding::kQ8_0;
  fail("\"{}\" is not a type of GGUF that is written (f32, f16, bf16 and q8_0 are)", type);
}

// llama.cpp's number for what most tensors are.
uint32_t file_type_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::kF16:
      return 1;
    case Encoding::kQ8_0:
      return 7;
    case Encoding::kBF16:
      return 32;
    default:
      return 0;
  }
}

ModelSource source_with_weights(const fs::path& path) {
  ModelSource source = open_source(path);
  if (!source.weights->read)
    fail("{}: is a program with its weights, which has no form in other files", path.string());
  return source;
}

// What a model's plugin says of it, whatever its config.json leaves out.
struct Declared {
  bool tied;
  int64_t kv_heads, width;
};

// The source's tensors are held against it.
Declared declared_of(const ModelSource& source) {
  const Registry registry(plugin_folders({}));
  const Registry::Found& found =
      registry.find(model_plugin(registry, "auto", source), SLW_KIND_MODEL, {});
  try {
    const Plugin plugin(*found.library, *found.descriptor, model_options(found, source, {}),
                        RunFacts{});
    const std::vector<ParameterSpec> parameters = declared_parameters(plugin.get(), plugin.id());
    check_weights(parameters, *source.weights);
    const bool tied = std::ranges::any_of(parameters, [](const ParameterSpec& each) {
      return each.name == "lm_head.weight" && each.tied_to >= 0;
    });
    const auto* forward = static_cast<const slw_model_torch_stable*>(
        interface_of(plugin.get(), plugin.id(), SLW_MODEL_TORCH_STABLE));
    if (forward == nullptr || forward->kv_width < 1)
      fail("{} says nothing of its heads, and GGUF needs that", plugin.id());
    return {tied, forward->kv_heads, forward->kv_width};
  } catch (const Error& e) {
    fail("{}: {}", source.origin, e.what());
  }
}

// A GGUF file's own tokenizer, as it stands there.
std::vector<GgufPair> tokenizer_pairs(const Gguf& file) {
  std::vector<GgufPair> out;
  for (const std::string& key : file.keys()) {
    // llama.cpp knows a family's white space by the model's name
    if (!key.starts_with("tokenizer.") && key != "general.name") continue;
    const GgufValue& value = *file.find(key);
    if (const auto* whole = std::get_if<int64_t>(&value))
      out.push_back({key, static_cast<uint32_t>(*whole)});
    else if (const auto* number = std::get_if<double>(&value))
      out.push_back({key, static_cast<float>(*number)});
    else if (const auto* flag = std::get_if<bool>(&value)) out.push_back({key, *flag});
    else if (const auto* text = std::get_if<std::string>(&value)) out.push_back({key, *text});
    else if (const auto* wholes = std::get_if<std::vector<int64_t>>(&value))
      out.push_back({key, std::vector<int32_t>(wholes->begin(), wholes->end())});
    else if (const auto* numbers = std::get_if<std::vector<double>>(&value))
      out.push_back({key, std::vector<float>(numbers->begin(), numbers->end())});
    else out.push_back({key, std::get<std::vector<std::string>>(value)});
  }
  return out;
}

// A folder's tokenizer. What llama.cpp makes of it otherwise is told.
std::vector<GgufPair> written_tokenizer(const fs::path& model, int64_t vocab) {
  Tokenizer read = tokenizer_beside(model);
  add_end_tokens(read, model);
  try {
    GgufTokens out = gguf_tokens(read, vocab);
    for (const std::string& each : out.differences)
      log_warn("{}: other tokens in llama.cpp: {}", model.string(), each);
    return std::move(out.metadata);
  } catch (const Error& e) {
    fail("{}: {}", model.string(), e.what());
  }
}

// One tensor of the GGUF file: a model's, or factors of rotary frequencies.
struct Exported {
  std::string name;  // in the source; "" = factors
  GgufChange change;
  std::vector<float> factors;
};

GgufTensor tensor_of(const GgufFamily& family, const std::string& name, std::vector<int64_t> shape,
                     const GgufChange& change, Encoding wanted) {
  if (change.transposed) std::swap(shape[0], shape[1]);
  Encoding encoding = wanted;
  const std::string called = gguf_name(family, name);
  if (shape.size() < 2 || called == "position_embd.weight") encoding = Encoding::kF32;
  else if (encoding == Encoding::kQ8_0 && shape.back() % 32 != 0) encoding = Encoding::kF16;
  return {called, std::move(shape), encoding};
}

// `width`: of a head.
void change_values(const GgufChange& change, const std::vector<int64_t>& shape, int64_t width,
                   std::span<float> values) {
  if (change.permuted_q || change.permuted_k)
    permute_rotary(std::as_writable_bytes(values), shape[0], shape[0] / width, false);
  if (change.norm)
    for (float& each : values) each += 1;
  if (!change.transposed) return;
  std::vector<float> turned(values.begin(), values.end());
  transpose(turned, shape[0], shape[1]);
  std::ranges::copy(turned, values.begin());
}

}  // namespace

void export_gguf(const fs::path& model, const std::string& type, const fs::path& file) {
  const Encoding wanted = encoding_of(type);
  const ModelSource source = source_with_weights(model);
  const Declared declared = declared_of(source);
  Json c = source.config;
  c["num_key_value_heads"] = declared.kv_heads, c["head_dim"] = declared.width;
  GgufDescription description = gguf_description(c, source.origin);
  const GgufFamily& family = *description.family;
  const int64_t vocab = source.config.at("vocab_size");
  const fs::path base = base_model(model);
  const std::vector<GgufPair> tokenizer =
      base.extension() == ".gguf" ? tokenizer_pairs(Gguf(base)) : written_tokenizer(model, vocab);
  description.metadata.push_back({"general.file_type", file_type_of(wanted)});
  if (wanted == Encoding::kQ8_0)
    description.metadata.push_back({"general.quantization_version", uint32_t{2}});
  description.metadata.insert(description.metadata.end(), tokenizer.begin(), tokenizer.end());
  std::vector<GgufTensor> tensors;
  std::vector<Exported> exported;
  for (auto& [name, values] : description.factors) {
    tensors.push_back({name, {static_cast<int64_t>(values.size())}, Encoding::kF32});
    exported.push_back({"", {}, values});
  }
  for (const std::string& name : source.weights->names) {
    if (declared.tied && name == "lm_head.weight") continue;
    const GgufChange change = gguf_change(family, name);
    tensors.push_back(
        tensor_of(family, name, source.weights->tensors.at(name)->shape, change, wanted));
    exported.push_back({name, change, {}});
  }
  write_gguf(file, description.metadata, tensors, [&](size_t i, std::span<float> out) {
    if (exported[i].name.empty()) {
      std::ranges::copy(exported[i].factors, out.begin());
      return;
    }
    source.weights->read(exported[i].name, out.data(), static_cast<int64_t>(out.size()));
    change_values(exported[i].change, source.weights->tensors.at(exported[i].name)->shape,
                  declared.width, out);
  });
}

void export_hugging_face(const fs::path& model, const fs::path& folder) {
  const ModelSource source = source_with_weights(model);
  const Registry registry(plugin_folders({}));
  LoadedModel loaded = create_model(registry, "auto", {}, source, {}, /*trained=*/false);
  fill_weights(loaded, source, 0);
  Tokenizer tokenizer = tokenizer_beside(model);
  Json config = as_float32(loaded.config);
  constexpr int64_t kShard = 5'000'000'000;  // as save_pretrained() cuts
  const Json generation = generation_config_of(base_model(model), config);
  save_model_files(folder, model_files(*loaded.model, {config, generation, kShard}, tokenizer));
}

}  // namespace slipway
