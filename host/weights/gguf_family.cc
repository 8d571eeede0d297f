// Names of tensors, one table a family; those of the parts that most have alike are shared.
#include "weights/gguf_family.h"

#include <algorithm>

namespace slipway {
namespace {

using TensorName = GgufFamily::TensorName;

constexpr TensorName kTop[] = {{"token_embd.weight", "model.embed_tokens.weight"},
                               {"output_norm.weight", "model.norm.weight"},
                               {"output.weight", "lm_head.weight"}};
constexpr TensorName kGpt2Top[] = {{"token_embd.weight", "transformer.wte.weight"},
                                   {"position_embd.weight", "transformer.wpe.weight"},
                                   {"output_norm.weight", "transformer.ln_f.weight"},
                                   {"output_norm.bias", "transformer.ln_f.bias"},
                                   {"output.weight", "lm_head.weight"}};

constexpr TensorName kLlama[] = {
    {"attn_norm", "input_layernorm"},    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},      {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"}, {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"}, {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"}};
constexpr TensorName kPhi3[] = {
    {"attn_norm", "input_layernorm"},    {"attn_qkv", "self_attn.qkv_proj"},
    {"attn_output", "self_attn.o_proj"}, {"ffn_norm", "post_attention_layernorm"},
    {"ffn_up", "mlp.gate_up_proj"},      {"ffn_down", "mlp.down_proj"}};
// Norms behind attention and feed-forward, and in Gemma before them, too.
constexpr TensorName kPostNorms[] = {{"attn_norm", "input_layernorm"},
                                     {"attn_q", "self_attn.q_proj"},
                                     {"attn_k", "self_attn.k_proj"},
                                     {"attn_v", "self_attn.v_proj"},
                                     {"attn_output", "self_attn.o_proj"},
                                     {"attn_q_norm", "self_attn.q_norm"},
                                     {"attn_k_norm", "self_attn.k_norm"},
                                     {"post_attention_norm", "post_attention_layernorm"},
                                     {"ffn_norm", "pre_feedforward_layernorm"},
                                     {"post_ffw_norm", "post_feedforward_layernorm"},
                                     {"ffn_gate", "mlp.gate_proj"},
                                     {"ffn_up", "mlp.up_proj"},
                                     {"ffn_down", "mlp.down_proj"}};
constexpr TensorName kGpt2[] = {{"attn_norm", "ln_1"},          {"attn_qkv", "attn.c_attn"},
                                {"attn_output", "attn.c_proj"}, {"ffn_norm", "ln_2"},
                                {"ffn_up", "mlp.c_fc"},         {"ffn_down", "mlp.c_proj"}};

constexpr GgufFamily kFamilies[] = {
    {"llama", "llama", "LlamaForCausalLM", kTop, kLlama, "model.layers.", true},
    {"llama", "mistral", "MistralForCausalLM", kTop, kLlama, "model.layers.", true},
    {"granite_swa", "ministral", "MinistralForCausalLM", kTop, kLlama, "model.layers.", true},
    {"qwen2", "qwen2", "Qwen2ForCausalLM", kTop, kLlama},
    {"qwen3", "qwen3", "Qwen3ForCausalLM", kTop, kLlama},
    {"smollm3", "smollm3", "SmolLM3ForCausalLM", kTop, kLlama, "model.layers.", true},
    {"granite", "granite", "GraniteForCausalLM", kTop, kLlama, "model.layers.", true},
    {"olmo2", "olmo2", "Olmo2ForCausalLM", kTop, kPostNorms},
    {"olmo2", "olmo3", "Olmo3ForCausalLM", kTop, kPostNorms},
    {"phi3", "phi3", "Phi3ForCausalLM", kTop, kPhi3},
    {"gemma2", "gemma2", "Gemma2ForCausalLM", kTop, kPostNorms, "model.layers.", false, true},
    {"gemma3", "gemma3_text", "Gemma3ForCausalLM", kTop, kPostNorms, "model.layers.", false, true},
    {"gpt2", "gpt2", "GPT2LMHeadModel", kGpt2Top, kGpt2, "transformer.h.", false, false, true}};

// The number at the begin of `rest`, with the dot behind it; "" = there is none.
std::string_view layer_in(std::string_view rest) {
  const size_t dot = rest.find('.');
  return dot == std::string_view::npos ? "" : rest.substr(0, dot + 1);
}

// from = "blk." "7." part ".weight" to = layers "7." other ".weight".
std::string renamed(std::string_view name, std::string_view from, std::string_view to,
                    std::span<const TensorName> parts, std::string_view TensorName::* own,
                    std::string_view TensorName::* other) {
  if (!name.starts_with(from)) return std::string(name);
  const std::string_view layer = layer_in(name.substr(from.size()));
  const size_t begin = from.size() + layer.size(), end = name.rfind('.');
  if (layer.empty() || end <= begin) return std::string(name);
  const auto found = std::ranges::find(parts, name.substr(begin, end - begin), own);
  if (found == parts.end()) return std::string(name);
  return std::string(to) + std::string(layer) + std::string((*found).*other) +
         std::string(name.substr(end));
}

}  // namespace

const GgufFamily* gguf_family(std::string_view architecture) {
  const auto* found = std::ranges::find(kFamilies, architecture, &GgufFamily::architecture);
  return found == std::end(kFamilies) ? nullptr : found;
}

const GgufFamily* gguf_family_of(std::string_view model_type) {
  const auto* found = std::ranges::find(kFamilies, model_type, &GgufFamily::model_type);
  return found == std::end(kFamilies) ? nullptr : found;
}

std::string known_gguf_architectures() {
  std::vector<std::string_view> names;
  for (const GgufFamily& each : kFamilies) names.push_back(each.architecture);
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  std::string out;
  for (const std::string_view name : names) out += (out.empty() ? "" : ", ") + std::string(name);
  return out;
}

std::string hugging_face_name(const GgufFamily& family, const std::string& gguf) {
  if (const auto top = std::ranges::find(family.top, gguf, &TensorName::gguf);
      top != family.top.end())
    return std::string(top->hugging_face);
  return renamed(gguf, "blk.", family.layers, family.block, &TensorName::gguf,
                 &TensorName::hugging_face);
}

std::string gguf_name(const GgufFamily& family, const std::string& hugging_face) {
  if (const auto top = std::ranges::find(family.top, hugging_face, &TensorName::hugging_face);
      top != family.top.end())
    return std::string(top->gguf);
  return renamed(hugging_face, family.layers, "blk.", family.block, &TensorName::hugging_face,
                 &TensorName::gguf);
}

GgufChange gguf_change(const GgufFamily& family, std::string_view name) {
  const auto is = [&](std::string_view part) {
    return name.ends_with(std::string(part) + ".weight") ||
           name.ends_with(std::string(part) + ".bias");
  };
  GgufChange out;
  out.permuted_q = family.permuted && is("self_attn.q_proj");
  out.permuted_k = family.permuted && is("self_attn.k_proj");
  out.norm = family.norms_plus_one && name.ends_with("norm.weight");
  out.transposed = family.transposed && name.starts_with(family.layers) &&
                   name.ends_with(".weight") && name.find(".c_") != std::string_view::npos;
  return out;
}

void permute_rotary(std::span<std::byte> matrix, int64_t rows, int64_t heads, bool to_halves) {
  const int64_t width = rows / heads, half = width / 2,
                row = static_cast<int64_t>(matrix.size()) / rows;
  std::vector<std::byte> head(static_cast<size_t>(width * row));
  for (int64_t h = 0; h < heads; ++h) {
    std::byte* begin = matrix.data() + h * width * row;
    std::copy_n(begin, head.size(), head.begin());
    for (int64_t i = 0; i < half; ++i)
      for (int64_t side = 0; side < 2; ++side) {
        const int64_t paired = 2 * i + side, halved = side * half + i;
        std::copy_n(head.begin() + (to_halves ? paired : halved) * row, row,
                    begin + (to_halves ? halved : paired) * row);
      }
  }
}

void transpose(std::vector<float>& data, int64_t rows, int64_t columns) {
  std::vector<float> out(data.size());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      out[static_cast<size_t>(c * rows + r)] = data[static_cast<size_t>(r * columns + c)];
  data = std::move(out);
}

}  // namespace slipway
