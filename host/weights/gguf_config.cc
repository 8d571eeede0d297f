// GGUF metadata: what every architecture says, and what each says beside it.
#include "weights/gguf_config.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/excerpt.h"
#include "weights/gguf_metadata.h"

namespace slipway {
namespace {

std::vector<float> values_of(const Gguf& file, const std::string& tensor) {
  const TensorInfo* found = file.tensor(tensor);
  if (found == nullptr) fail("{}: has no {}", file.path().string(), tensor);
  std::vector<float> out(static_cast<size_t>(
      element_count(found->shape, file.path().string() + ": tensor " + tensor)));
  decode_to_float(*found, out.data());
  return out;
}

bool has_tensor(const Gguf& file, const char* name) { return file.tensor(name) != nullptr; }

// ---- rotary positions ---------------------------------------------------------------------------
// Factors of each frequency, as longrope has them with one set for every length: Llama 3.1's file
// has no other form of its scaling.
Json factors_of_all_lengths(const std::vector<float>& factors, int64_t positions) {
  return {{"rope_type", "longrope"},
          {"short_factor", factors},
          {"long_factor", factors},
          {"factor", 1.0},
          {"original_max_position_embeddings", positions}};
}

// The scaling as "rope_scaling" has it; null = none.
Json rope_scaling(const GgufMetadata& m, int64_t positions) {
  const Gguf& file = m.file();
  std::vector<float> factors;
  if (has_tensor(file, "rope_freqs.weight")) factors = values_of(file, "rope_freqs.weight");
  if (std::ranges::all_of(factors, [](float factor) { return factor == 1.0f; })) factors.clear();
  const std::string type = m.text("rope.scaling.type", "none");
  if (type != "none" && !factors.empty())
    fail("{}: tensor rope_freqs.weight stands beside a scaling of type \"{}\"",
         file.path().string(), type);
  if (type == "linear") return {{"rope_type", type}, {"factor", m.decimal("rope.scaling.factor")}};
  if (type == "yarn")
    return {{"rope_type", type},
            {"factor", m.decimal("rope.scaling.factor")},
            {"original_max_position_embeddings", m.whole("rope.scaling.original_context_length")}};
  if (type != "none") m.refuse("rope.scaling.type", " (none, linear and yarn are)");
  return factors.empty() ? Json() : factors_of_all_lengths(factors, positions);
}

// Phi-3's factors for short and long texts.
Json longrope(const GgufMetadata& m, int64_t positions) {
  const int64_t original = m.whole("rope.scaling.original_context_length", positions);
  Json out = {{"rope_type", "longrope"},
              {"short_factor", values_of(m.file(), "rope_factors_short.weight")},
              {"long_factor", values_of(m.file(), "rope_factors_long.weight")},
              {"original_max_position_embeddings", original}};
  if (m.has("rope.scaling.attn_factor"))
    out["attention_factor"] = m.decimal("rope.scaling.attn_factor");
  return out;
}

// ---- what one family says beside what all say ---------------------------------------------------
// Which layers have a window; `every`: without a list the every-th has none.
Json layer_types(const GgufMetadata& m, int64_t layers, int64_t every) {
  const std::vector<int64_t> slides = m.list("attention.sliding_window_pattern");
  if (!slides.empty() && slides.size() != static_cast<size_t>(layers))
    m.refuse("attention.sliding_window_pattern", " (a flag for each layer is)");
  Json out = Json::array();
  for (int64_t i = 0; i < layers; ++i) {
    const bool window = slides.empty() ? (i + 1) % every != 0 : slides[static_cast<size_t>(i)] != 0;
    out.push_back(window ? "sliding_attention" : "full_attention");
  }
  return out;
}

void add_granite(const GgufMetadata& m, Json& c) {
  c["embedding_multiplier"] = m.decimal("embedding_scale", 1);
  c["residual_multiplier"] = m.decimal("residual_scale", 1);
  c["logits_scaling"] = m.decimal("logit_scale", 1);
  c["attention_multiplier"] =
      m.decimal("attention.scale", 1 / std::sqrt(c["head_dim"].get<double>()));
}

void add_olmo3(const GgufMetadata& m, Json& c) {
  c["sliding_window"] = m.whole("attention.sliding_window");
  c["layer_types"] = layer_types(m, c["num_hidden_layers"], 4);
  const Json plain = {{"rope_type", "default"}, {"rope_theta", c["rope_theta"]}};
  Json full = c.contains("rope_scaling") ? c["rope_scaling"] : plain;
  full["rope_theta"] = c["rope_theta"];
  c["rope_parameters"] = {{"full_attention", full}, {"sliding_attention", plain}};
  c.erase("rope_scaling");
  c.erase("rope_theta");
}

// What is called Granite there, with scales of 1, is a Ministral.
void add_ministral(const GgufMetadata& m, Json& c) {
  for (const char* key : {"logit_scale", "residual_scale", "embedding_scale"}) m.require(key, 1.0);
  for (const char* key : {"attention.scale", "attention.rope_pattern", "rope.pattern"})
    if (m.has(key)) m.refuse(key);
  if (!m.has("attention.sliding_window_pattern"))
    m.refuse("attention.sliding_window_pattern", " (a flag for each layer is)");
  c["sliding_window"] = m.whole("attention.sliding_window");
  c["layer_types"] = layer_types(m, c["num_hidden_layers"], 1);
}

void add_phi3(const GgufMetadata& m, Json& c) {
  const int64_t positions = c["max_position_embeddings"];
  const int64_t window = m.whole("attention.sliding_window", 0);
  c["sliding_window"] = window > 0 ? Json(window) : Json();
  c["partial_rotary_factor"] =
      static_cast<double>(m.whole("rope.dimension_count", c["head_dim"].get<int64_t>())) /
      c["head_dim"].get<double>();
  c["original_max_position_embeddings"] =
      m.whole("rope.scaling.original_context_length", positions);
  if (has_tensor(m.file(), "rope_factors_short.weight")) c["rope_scaling"] = longrope(m, positions);
}

// The file does not say what scores are divided by: it follows from the model's size.
int64_t gemma_scalar(const Json& c, int64_t layers_of_27b) {
  return c["num_hidden_layers"] == layers_of_27b
             ? c["hidden_size"].get<int64_t>() / c["num_attention_heads"].get<int64_t>()
             : c["head_dim"].get<int64_t>();
}

void add_gemma2(const GgufMetadata& m, Json& c) {
  c["hidden_activation"] = "gelu_pytorch_tanh";
  c["query_pre_attn_scalar"] = gemma_scalar(c, 46);
  c["sliding_window"] = m.whole("attention.sliding_window", 4096);
  c["layer_types"] = layer_types(m, c["num_hidden_layers"], 2);
  for (const auto& [key, config_key] :
       {std::pair{"attn_logit_softcapping", "attn_logit_softcapping"},
        std::pair{"final_logit_softcapping", "final_logit_softcapping"}})
    c[config_key] = m.has(key) ? Json(m.decimal(key)) : Json();
}

void add_gemma3(const GgufMetadata& m, Json& c) {
  c["hidden_activation"] = "gelu_pytorch_tanh";
  c["query_pre_attn_scalar"] = gemma_scalar(c, 62);
  c["sliding_window"] = m.whole("attention.sliding_window");
  c["layer_types"] = layer_types(m, c["num_hidden_layers"], 6);
  if (m.has("final_logit_softcapping"))
    c["final_logit_softcapping"] = m.decimal("final_logit_softcapping");
  const double theta = m.decimal("rope.freq_base", 1'000'000);
  Json full = c.contains("rope_scaling") ? c["rope_scaling"] : Json{{"rope_type", "default"}};
  full["rope_theta"] = theta;
  c["rope_parameters"] = {
      {"full_attention", full},
      {"sliding_attention",
       {{"rope_type", "default"}, {"rope_theta", m.decimal("rope.freq_base_swa", 10'000)}}}};
  c.erase("rope_scaling");
  c.erase("rope_theta");
}

Json gpt2(const GgufMetadata& m, int64_t vocabulary) {
  Json c;
  c["n_embd"] = m.whole("embedding_length");
  c["n_inner"] = m.whole("feed_forward_length");
  c["n_layer"] = m.whole("block_count");
  c["n_head"] = m.whole("attention.head_count");
  m.require("attention.head_count_kv", c["n_head"].get<int64_t>());
  c["n_positions"] = m.whole("context_length");
  c["layer_norm_epsilon"] = m.decimal("attention.layer_norm_epsilon");
  c["vocab_size"] = vocabulary;
  c["activation_function"] = "gelu_new";
  for (const char* dropout : {"resid_pdrop", "embd_pdrop", "attn_pdrop"}) c[dropout] = 0.0;
  const TensorInfo *embedding = m.file().tensor("token_embd.weight"),
                   *head = m.file().tensor("output.weight");
  c["tie_word_embeddings"] = head == nullptr || same_values(*embedding, *head);
  return c;
}

// ---- the whole ----------------------------------------------------------------------------------
int64_t head_dim(const GgufMetadata& m, int64_t hidden, int64_t heads, bool partial) {
  const std::string file = m.file().path().string();
  if (heads <= 0)
    fail("{}: the metadata \"{}\" must be positive", file, m.name("attention.head_count"));
  const bool given = m.has("attention.key_length");
  if (!given && hidden % heads != 0)
    fail("{}: {} = {} does not divide into {} heads", file, m.name("embedding_length"), hidden,
         heads);
  const int64_t out = given ? m.whole("attention.key_length") : hidden / heads;
  m.require("attention.value_length", out);
  if (!partial) m.require("rope.dimension_count", out);
  return out;
}

// What architectures with RMSNorm and rotary positions have in common.
Json decoder(const GgufMetadata& m, const GgufFamily& family, int64_t vocabulary) {
  const Gguf& file = m.file();
  Json c;
  c["hidden_size"] = m.whole("embedding_length");
  c["intermediate_size"] = m.whole("feed_forward_length");
  c["num_hidden_layers"] = m.whole("block_count");
  c["num_attention_heads"] = m.whole("attention.head_count");
  c["num_key_value_heads"] =
      m.whole("attention.head_count_kv", c["num_attention_heads"].get<int64_t>());
  const int64_t positions = m.whole("context_length");
  c["max_position_embeddings"] = positions;
  c["rms_norm_eps"] = m.decimal("attention.layer_norm_rms_epsilon");
  c["rope_theta"] = m.decimal("rope.freq_base", 10000.0);
  c["head_dim"] =
      head_dim(m, c["hidden_size"], c["num_attention_heads"], family.model_type == "phi3");
  c["vocab_size"] = vocabulary;
  c["tie_word_embeddings"] = !has_tensor(file, "output.weight");
  if (!family.model_type.starts_with("gemma")) c["hidden_act"] = "silu";
  if (family.model_type != "qwen2" && family.model_type != "phi3" &&
      family.model_type != "mistral" && family.model_type != "ministral")
    c["attention_bias"] = has_tensor(file, "blk.0.attn_q.bias");
  if (family.model_type == "llama" || family.model_type == "smollm3" ||
      family.model_type == "granite")
    c["mlp_bias"] = has_tensor(file, "blk.0.ffn_gate.bias");
  if (!has_tensor(file, "rope_factors_short.weight"))
    if (const Json scaling = rope_scaling(m, positions); !scaling.is_null())
      c["rope_scaling"] = scaling;
  if (family.model_type == "qwen2" || family.model_type == "qwen3") c["use_sliding_window"] = false;
  if (family.model_type == "smollm3") c["no_rope_layer_interval"] = 4;
  if (family.model_type == "granite") add_granite(m, c);
  if (family.model_type == "ministral") add_ministral(m, c);
  if (family.model_type == "olmo3") add_olmo3(m, c);
  if (family.model_type == "phi3") add_phi3(m, c);
  if (family.model_type == "gemma2") add_gemma2(m, c);
  if (family.model_type == "gemma3_text") add_gemma3(m, c);
  return c;
}

}  // namespace

const GgufFamily& gguf_family_of_file(const Gguf& file) {
  const std::string path = file.path().string();
  if (const GgufValue* type = file.find("general.type");
      type != nullptr && *type != GgufValue(std::string("model")))
    fail("{}: is of the type {}{}; a whole model is needed", path, shown(*type),
         *type == GgufValue(std::string("adapter")) ? ", LoRA and the like" : "");
  if (const GgufValue* pieces = file.find("split.count");
      pieces != nullptr && !equals(*pieces, 0) && !equals(*pieces, 1))
    fail("{}: is one of {} pieces of a model; join them with llama-gguf-split --merge", path,
         shown(*pieces));
  const std::string& architecture = file.text("general.architecture");
  const GgufFamily* found = gguf_family(architecture);
  if (found == nullptr)
    fail("{}: architecture \"{}\" is not supported ({} are)", path, excerpt(architecture),
         known_gguf_architectures());
  const GgufValue* window = file.find("olmo2.attention.sliding_window");
  if (architecture == "olmo2" && window != nullptr && !equals(*window, 0))
    return *gguf_family_of("olmo3");
  return *found;
}

Json gguf_config(const Gguf& file, const GgufFamily& family) {
  const GgufMetadata m(file, std::string(family.architecture));
  const TensorInfo* embedding = file.tensor("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2)
    fail("{}: has no token_embd.weight", file.path().string());
  m.require("vocab_size", embedding->shape[0]);
  m.require("tensor_data_layout", std::string("Meta AI original pth"));
  m.require("attention.causal", true);
  Json c = family.model_type == "gpt2" ? gpt2(m, embedding->shape[0])
                                       : decoder(m, family, embedding->shape[0]);
  m.finish();
  c["architectures"] = {std::string(family.class_name)};
  c["model_type"] = std::string(family.model_type);
  for (const char* token : {"bos", "eos", "pad"}) {
    const std::string key =
        fmt::format("tokenizer.ggml.{}_token_id", token == std::string("pad") ? "padding" : token);
    // null: a family's class has numbers of its own where a file says nothing
    c[fmt::format("{}_token_id", token)] =
        file.find(key) != nullptr ? Json(file.integer(key)) : Json();
  }
  c["initializer_range"] = 0.02;
  c["torch_dtype"] = "float32";
  return c;
}

}  // namespace slipway
