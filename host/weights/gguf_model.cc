// GGUF: names, and rotary rows in the other order.
#include "weights/gguf_model.h"

#include <algorithm>

#include "base/error.h"
#include "weights/gguf_config.h"

namespace slipway {
namespace {

std::string hugging_face_name(const std::string& gguf) {
  static const std::map<std::string, std::string> kTop = {
      {"token_embd.weight", "model.embed_tokens.weight"},
      {"output_norm.weight", "model.norm.weight"},
      {"output.weight", "lm_head.weight"}};
  static const std::map<std::string, std::string> kBlock = {
      {"attn_norm", "input_layernorm"},    {"attn_q", "self_attn.q_proj"},
      {"attn_k", "self_attn.k_proj"},      {"attn_v", "self_attn.v_proj"},
      {"attn_output", "self_attn.o_proj"}, {"ffn_norm", "post_attention_layernorm"},
      {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
      {"ffn_down", "mlp.down_proj"}};
  if (const auto it = kTop.find(gguf); it != kTop.end()) return it->second;
  if (!gguf.starts_with("blk.")) return gguf;
  const size_t dot = gguf.find('.', 4), end = gguf.rfind('.');
  if (dot == std::string::npos || end <= dot) return gguf;
  const auto it = kBlock.find(gguf.substr(dot + 1, end - dot - 1));
  if (it == kBlock.end()) return gguf;
  return "model.layers." + gguf.substr(4, dot - 4) + "." + it->second + gguf.substr(end);
}

// What belongs to no model: rotary frequencies, which follow from the metadata.
bool says_nothing(const TensorInfo& tensor, const std::string& origin) {
  if (tensor.name.starts_with("blk.") && tensor.name.ends_with(".attn_rot_embd.weight"))
    return true;
  if (tensor.name != "rope_freqs.weight") return false;
  std::vector<float> factors(
      static_cast<size_t>(element_count(tensor.shape, origin + ": tensor rope_freqs.weight")));
  decode_to_float(tensor, factors.data());
  if (std::ranges::any_of(factors, [](float factor) { return factor != 1.0f; }))
    fail(
        "{}: tensor rope_freqs.weight divides the rotary frequencies (Llama 3.1 and later), which "
        "is not supported yet",
        origin);
  return true;
}

// GGUF stores rotary pairs side by side, Hugging Face half against half: rows of each head change
// places.
void unpermute_rotary(float* data, int64_t rows, int64_t columns, int64_t heads) {
  const int64_t width = rows / heads, half = width / 2;
  std::vector<float> head(static_cast<size_t>(width * columns));
  for (int64_t h = 0; h < heads; ++h) {
    float* begin = data + h * width * columns;
    std::copy_n(begin, head.size(), head.begin());
    for (int64_t i = 0; i < half; ++i)
      for (int64_t side = 0; side < 2; ++side)
        std::copy_n(head.begin() + (2 * i + side) * columns, columns,
                    begin + (side * half + i) * columns);
  }
}

}  // namespace

ModelWeights open_gguf(const fs::path& path) {
  auto file = std::make_shared<Gguf>(path);
  ModelWeights out;
  out.origin = path.string();
  out.config = gguf_config(*file);
  for (const TensorInfo& tensor : file->tensors()) {
    if (says_nothing(tensor, out.origin)) continue;
    const std::string name = hugging_face_name(tensor.name);
    if (!out.tensors.emplace(name, &tensor).second)
      fail("{}: two tensors are called \"{}\"", out.origin, name);
    out.names.push_back(name);
  }
  const auto heads = out.config["num_attention_heads"].get<int64_t>(),
             kv = out.config["num_key_value_heads"].get<int64_t>();
  out.read = [file, tensors = out.tensors, heads, kv, origin = out.origin, names = out.names](
                 const std::string& name, float* data, int64_t count) {
    const auto it = tensors.find(name);
    if (it == tensors.end()) fail_missing_tensor(name, names, origin);
    const TensorInfo& tensor = *it->second;
    check_tensor_size(tensor, count, origin);
    decode_to_float(tensor, data);
    const bool query = name.ends_with("self_attn.q_proj.weight"),
               key = name.ends_with("self_attn.k_proj.weight");
    if (!query && !key) return;
    const int64_t groups = query ? heads : kv;
    if (tensor.shape.size() != 2 || groups <= 0 || groups > tensor.shape[0] ||
        tensor.shape[0] % (2 * groups) != 0)
      fail("{}: tensor {} does not divide into {} heads", origin, tensor.name, groups);
    unpermute_rotary(data, tensor.shape[0], tensor.shape[1], groups);
  };
  return out;
}

}  // namespace slipway
