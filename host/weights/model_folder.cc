// Weights under Hugging Face's names, from a folder or from GGUF.
#include "weights/model_folder.h"

#include <algorithm>
#include <cfloat>
#include <set>

#include "base/error.h"
#include "base/file_set.h"
#include "base/manifest.h"
#include "base/nearest.h"
#include "weights/gguf.h"
#include "weights/safetensors.h"
#include "weights/shards.h"

namespace slipway {
namespace {

void check_count(const TensorInfo& tensor, int64_t count, const std::string& origin) {
  if (const int64_t have = element_count(tensor.shape, origin + ": tensor " + tensor.name); have != count)
    fail("{}: tensor {} has {} values, the model needs {}; do config.json and the weights belong together?", origin,
         tensor.name, have, count);
}

[[noreturn]] void missing(const std::string& name, const std::vector<std::string>& names, const std::string& origin) {
  fail("{}: no tensor \"{}\"{}", origin, name, did_you_mean(name, names));
}

// ---- Hugging Face folder -------------------------------------------------------------------------------------------

struct Shards {
  std::vector<Safetensors> files;
  std::map<std::string, const TensorInfo*> tensors;
};

bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

// The file names of the shards, and the tensors that the index says are in each.
std::map<std::string, std::vector<std::string>> shards_of(const fs::path& folder) {
  if (fs::exists(folder / "model.safetensors")) return {{"model.safetensors", {}}};
  const fs::path index = folder / "model.safetensors.index.json";
  if (!fs::exists(index))
    fail("{}: has neither model.safetensors nor model.safetensors.index.json", folder.string());
  const nlohmann::json json = parse_unique_json(read_file(index), index.string());
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object())
    fail("{}: has no \"weight_map\"", index.string());
  std::map<std::string, std::vector<std::string>> out;
  for (const auto& [tensor, file] : json["weight_map"].items()) {
    if (!file.is_string()) fail("{}: \"{}\" names no file", index.string(), tensor);
    const auto name = file.get<std::string>();
    if (!is_plain_name(name)) fail("{}: the shard of \"{}\" is no file in the folder: \"{}\"", index.string(), tensor, name);
    if (!fs::exists(folder / name))
      fail("{}: shard \"{}\" is not there; is the download complete?", index.string(), name);
    out[name].push_back(tensor);
  }
  return out;
}

constexpr const char* kPrograms[] = {"model.pt", "model.pt2"};

Json config_in(const fs::path& folder, bool needed) {
  const fs::path path = folder / "config.json";
  if (!needed && !fs::exists(path)) return {{"model_type", "torchscript"}};
  if (!fs::exists(path)) fail("{}: has no config.json; a Hugging Face model folder, a .gguf file, or TorchScript (model.pt) is expected", folder.string());
  Json out = parse_json(read_file(path), path.string());
  if (!out.is_object()) fail("{}: is not a JSON object", path.string());
  return out;
}

ModelWeights open_program(const fs::path& path) {
  ModelWeights out;
  out.origin = path.string();
  out.program = fs::absolute(path);
  out.config = config_in(out.program.parent_path(), false);
  return out;
}

bool has_safetensors(const fs::path& folder) { return fs::exists(folder / "model.safetensors") || fs::exists(folder / "model.safetensors.index.json"); }

fs::path program_in(const fs::path& folder) {
  for (const char* name : kPrograms)
    if (fs::exists(folder / name)) return folder / name;
  return {};
}

// Of a checkpoint of ours, what a model is read from; whoever damaged the rest does no harm here.
bool is_read(const std::string& name) { return is_weights_file(name) || name == "config.json" || std::ranges::find(kPrograms, name) != std::end(kPrograms); }

ModelWeights open_folder(const fs::path& folder) {
  finish_file_set(folder);
  verify_manifest_if_any(folder, is_read);
  ModelWeights out;
  if (const fs::path program = program_in(folder); !program.empty()) out = open_program(program);
  if (!out.program.empty() && !has_safetensors(folder)) return out;
  out.origin = folder.string();
  out.config = config_in(folder, out.program.empty());
  auto shards = std::make_shared<Shards>();
  for (const auto& [name, promised] : shards_of(folder)) {
    const Safetensors& file = shards->files.emplace_back(folder / name);
    std::set<std::string_view> there;
    for (const TensorInfo& tensor : file.tensors()) there.insert(tensor.name);
    for (const std::string& tensor : promised)
      if (!there.contains(tensor))
        fail("{}: has no tensor \"{}\", but model.safetensors.index.json says so", file.path().string(), tensor);
  }
  for (const Safetensors& file : shards->files)
    for (const TensorInfo& tensor : file.tensors()) {
      if (!shards->tensors.emplace(tensor.name, &tensor).second)
        fail("{}: tensor {} occurs in two files", folder.string(), tensor.name);
      out.names.push_back(tensor.name);
    }
  out.read = [shards, origin = out.origin, names = out.names](const std::string& name, float* data, int64_t count) {
    const auto it = shards->tensors.find(name);
    if (it == shards->tensors.end()) missing(name, names, origin);
    check_count(*it->second, count, origin);
    decode_to_float(*it->second, data);
  };
  return out;
}

// ---- GGUF ----------------------------------------------------------------------------------------------------------

std::string hugging_face_name(const std::string& gguf) {
  static const std::map<std::string, std::string> kTop = {{"token_embd.weight", "model.embed_tokens.weight"},
                                                          {"output_norm.weight", "model.norm.weight"},
                                                          {"output.weight", "lm_head.weight"}};
  static const std::map<std::string, std::string> kBlock = {
      {"attn_norm", "input_layernorm"},   {"attn_q", "self_attn.q_proj"},          {"attn_k", "self_attn.k_proj"},
      {"attn_v", "self_attn.v_proj"},     {"attn_output", "self_attn.o_proj"},     {"ffn_norm", "post_attention_layernorm"},
      {"ffn_gate", "mlp.gate_proj"},      {"ffn_up", "mlp.up_proj"},               {"ffn_down", "mlp.down_proj"}};
  if (const auto it = kTop.find(gguf); it != kTop.end()) return it->second;
  if (!gguf.starts_with("blk.")) return gguf;
  const size_t dot = gguf.find('.', 4), end = gguf.rfind('.');
  if (dot == std::string::npos || end <= dot) return gguf;
  const auto it = kBlock.find(gguf.substr(dot + 1, end - dot - 1));
  if (it == kBlock.end()) return gguf;
  return "model.layers." + gguf.substr(4, dot - 4) + "." + it->second + gguf.substr(end);
}

Json config_of(const Gguf& file) {
  const std::string& architecture = file.text("general.architecture");
  if (architecture != "llama") fail("{}: architecture \"{}\" is not supported (llama is)", file.path().string(), architecture);
  const auto whole = [&](const char* key) { return file.integer("llama." + std::string(key)); };
  Json c;
  c["architectures"] = {"LlamaForCausalLM"};
  c["model_type"] = "llama";
  c["hidden_size"] = whole("embedding_length");
  c["intermediate_size"] = whole("feed_forward_length");
  c["num_hidden_layers"] = whole("block_count");
  c["num_attention_heads"] = whole("attention.head_count");
  c["num_key_value_heads"] = file.find("llama.attention.head_count_kv") != nullptr ? whole("attention.head_count_kv")
                                                                                   : whole("attention.head_count");
  c["max_position_embeddings"] = whole("context_length");
  // The file keeps float32; a config.json has the short decimal that it came from.
  const auto decimal = [&](const char* key) {
    const double value = file.number(key);
    if (!(value > 0) || value > FLT_MAX) fail("{}: the metadata \"{}\" must be positive, is {}", file.path().string(), key, value);
    return std::stod(fmt::format("{}", static_cast<float>(value)));
  };
  c["rms_norm_eps"] = decimal("llama.attention.layer_norm_rms_epsilon");
  c["rope_theta"] = file.find("llama.rope.freq_base") != nullptr ? decimal("llama.rope.freq_base") : 10000.0;
  const int64_t heads = c["num_attention_heads"].get<int64_t>();
  if (heads <= 0) fail("{}: the metadata \"llama.attention.head_count\" must be positive", file.path().string());
  c["head_dim"] = file.find("llama.attention.key_length") != nullptr ? whole("attention.key_length")
                                                                     : c["hidden_size"].get<int64_t>() / heads;
  const TensorInfo* embedding = file.tensor("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2) fail("{}: has no token_embd.weight", file.path().string());
  c["vocab_size"] = embedding->shape[0];
  c["tie_word_embeddings"] = file.tensor("output.weight") == nullptr;
  for (const char* token : {"bos", "eos", "pad"}) {
    const std::string key = fmt::format("tokenizer.ggml.{}_token_id", token == std::string("pad") ? "padding" : token);
    if (file.find(key) != nullptr) c[fmt::format("{}_token_id", token)] = file.integer(key);
  }
  c["hidden_act"] = "silu";
  c["attention_bias"] = false;
  c["mlp_bias"] = false;
  c["initializer_range"] = 0.02;
  c["torch_dtype"] = "float32";
  return c;
}

// GGUF stores rotary pairs side by side, Hugging Face half against half: rows of each head change places.
void unpermute_rotary(float* data, int64_t rows, int64_t columns, int64_t heads) {
  const int64_t width = rows / heads, half = width / 2;
  std::vector<float> head(static_cast<size_t>(width * columns));
  for (int64_t h = 0; h < heads; ++h) {
    float* begin = data + h * width * columns;
    std::copy_n(begin, head.size(), head.begin());
    for (int64_t i = 0; i < half; ++i)
      for (int64_t side = 0; side < 2; ++side)
        std::copy_n(head.begin() + (2 * i + side) * columns, columns, begin + (side * half + i) * columns);
  }
}

ModelWeights open_gguf(const fs::path& path) {
  auto file = std::make_shared<Gguf>(path);
  ModelWeights out;
  out.origin = path.string();
  out.config = config_of(*file);
  std::map<std::string, const TensorInfo*> tensors;
  for (const TensorInfo& tensor : file->tensors()) {
    const std::string name = hugging_face_name(tensor.name);
    if (!tensors.emplace(name, &tensor).second) fail("{}: two tensors are called \"{}\"", out.origin, name);
    out.names.push_back(name);
  }
  const auto heads = out.config["num_attention_heads"].get<int64_t>(), kv = out.config["num_key_value_heads"].get<int64_t>();
  out.read = [file, tensors, heads, kv, origin = out.origin, names = out.names](const std::string& name, float* data,
                                                                                int64_t count) {
    const auto it = tensors.find(name);
    if (it == tensors.end()) missing(name, names, origin);
    const TensorInfo& tensor = *it->second;
    check_count(tensor, count, origin);
    decode_to_float(tensor, data);
    const bool query = name.ends_with("self_attn.q_proj.weight"), key = name.ends_with("self_attn.k_proj.weight");
    if (!query && !key) return;
    const int64_t groups = query ? heads : kv;
    if (tensor.shape.size() != 2 || groups <= 0 || groups > tensor.shape[0] ||
        tensor.shape[0] % (2 * groups) != 0)
      fail("{}: tensor {} does not divide into {} heads", origin, tensor.name, groups);
    unpermute_rotary(data, tensor.shape[0], tensor.shape[1], groups);
  };
  return out;
}

}  // namespace

ModelWeights open_weights(const fs::path& path) {
  if (!fs::exists(path)) {
    std::vector<std::string> beside;
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator(path.has_parent_path() ? path.parent_path() : fs::path("."), ec))
      beside.push_back(entry.path().filename().string());
    fail("{}: no such file or folder{}", path.string(), did_you_mean(path.filename().string(), beside));
  }
  if (fs::is_directory(path)) return open_folder(path);
  return program_at(path).empty() ? open_gguf(path) : open_program(path);
}

fs::path program_at(const fs::path& path) {
  if (fs::is_directory(path)) return has_safetensors(path) ? fs::path() : program_in(path);
  return path.extension() == ".pt" || path.extension() == ".pt2" ? path : fs::path();
}

}  // namespace slipway
