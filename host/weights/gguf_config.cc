// GGUF metadata: every key of the architecture "llama" has its place here.
#include "weights/gguf_config.h"

#include <algorithm>
#include <cfloat>

#include "base/error.h"
#include "base/excerpt.h"
#include "base/log.h"

namespace slipway {
namespace {

constexpr std::string_view kPrefix = "llama.";

// Keys that are read below, and keys that change nothing.
constexpr std::string_view kKnown[] = {"context_length",
                                       "embedding_length",
                                       "block_count",
                                       "feed_forward_length",
                                       "vocab_size",
                                       "attention.head_count",
                                       "attention.head_count_kv",
                                       "attention.layer_norm_rms_epsilon",
                                       "attention.key_length",
                                       "attention.value_length",
                                       "rope.freq_base",
                                       "rope.dimension_count",
                                       "rope.scaling.type",
                                       "tensor_data_layout",
                                       "attention.causal",
                                       "rope.scaling.original_context_length",
                                       "rope.scaling.finetuned"};

// Keys with which the model is another one, unless they say what it is without them.
struct Switch {
  std::string_view key;
  double off;
};
constexpr Switch kSwitches[] = {{"rope.scaling.factor", 1},
                                {"rope.scale_linear", 1},
                                {"rope.scaling.attn_factor", 1},
                                {"rope.scaling.yarn_log_multiplier", 0},
                                {"residual_scale", 1},
                                {"embedding_scale", 1},
                                {"logit_scale", 1},
                                {"attention.scale", 0},
                                {"attention.output_scale", 1},
                                {"attention.sliding_window", 0},
                                {"attention.sliding_window_pattern", 0},
                                {"attention.clamp_kqv", 0},
                                {"attention.max_alibi_bias", 0},
                                {"attention.layer_norm_epsilon", -1},
                                {"attn_logit_softcapping", 0},
                                {"final_logit_softcapping", 0},
                                {"use_parallel_residual", 0},
                                {"expert_count", 0},
                                {"expert_used_count", 0},
                                {"expert_shared_count", 0},
                                {"expert_feed_forward_length", 0},
                                {"expert_weights_scale", 0},
                                {"interleave_moe_layer_step", 0},
                                {"leading_dense_block_count", 0},
                                {"pooling_type", 0},
                                {"attention.temperature_scale", 0},
                                {"attention.temperature_length", 0},
                                {"rope.freq_base_swa", 0},
                                {"nextn_predict_layers", 0}};

// The value for a message.
std::string shown(const GgufValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return "\"" + excerpt(*text) + "\"";
  if (const auto* whole = std::get_if<int64_t>(&value)) return std::to_string(*whole);
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  return "(a list)";
}

bool equals(const GgufValue& value, double wanted) {
  if (const auto* whole = std::get_if<int64_t>(&value))
    return static_cast<double>(*whole) == wanted;
  if (const auto* number = std::get_if<double>(&value)) return *number == wanted;
  if (const auto* flag = std::get_if<bool>(&value)) return static_cast<double>(*flag) == wanted;
  return false;
}

[[noreturn]] void refuse(const Gguf& file, const std::string& key, const std::string& known) {
  fail("{}: the metadata \"{}\" = {} is not supported{}: with it the model is another one",
       file.path().string(), key, shown(*file.find(key)), known);
}

// Where the key is there, it must be this.
void require(const Gguf& file, const std::string& key, const GgufValue& wanted) {
  if (const GgufValue* value = file.find(key); value != nullptr && *value != wanted)
    refuse(file, key, " (" + shown(wanted) + " is)");
}

// What the file is at all.
void check_kind(const Gguf& file) {
  const std::string path = file.path().string();
  if (const GgufValue* type = file.find("general.type");
      type != nullptr && *type != GgufValue(std::string("model")))
    fail("{}: is of the type {}{}; a whole model is needed", path, shown(*type),
         *type == GgufValue(std::string("adapter")) ? ", LoRA and the like" : "");
  if (const GgufValue* pieces = file.find("split.count");
      pieces != nullptr && !equals(*pieces, 0) && !equals(*pieces, 1))
    fail("{}: is one of {} pieces of a model; join them with llama-gguf-split --merge", path,
         shown(*pieces));
  if (const std::string& architecture = file.text("general.architecture"); architecture != "llama")
    fail("{}: architecture \"{}\" is not supported (llama is)", path, excerpt(architecture));
}

void check_architecture(const Gguf& file) {
  std::string unknown;
  for (const std::string& key : file.keys()) {
    if (!key.starts_with(kPrefix)) continue;
    const std::string_view name = std::string_view(key).substr(kPrefix.size());
    if (const auto* found = std::ranges::find(kSwitches, name, &Switch::key);
        found != std::end(kSwitches)) {
      if (!equals(*file.find(key), found->off)) refuse(file, key, "");
    } else if (name.starts_with("rope.scaling.yarn")) {
      refuse(file, key, "");
    } else if (std::ranges::find(kKnown, name) == std::end(kKnown)) {
      unknown += (unknown.empty() ? "" : ", ") + excerpt(key);
    }
  }
  require(file, "llama.rope.scaling.type", std::string("none"));
  require(file, "llama.tensor_data_layout", std::string("Meta AI original pth"));
  require(file, "llama.attention.causal", true);
  if (!unknown.empty())
    log_warn("{}: these metadata are not known and change nothing here: {}", file.path().string(),
             excerpt(unknown, 500));
}

// The file keeps float32; a config.json has the short decimal that it came from.
double decimal(const Gguf& file, const char* key) {
  const double value = file.number(key);
  if (!(value > 0) || value > FLT_MAX)
    fail("{}: the metadata \"{}\" must be positive, is {}", file.path().string(), key, value);
  return std::stod(fmt::format("{}", static_cast<float>(value)));
}

int64_t head_dim(const Gguf& file, int64_t hidden, int64_t heads) {
  if (heads <= 0)
    fail("{}: the metadata \"llama.attention.head_count\" must be positive", file.path().string());
  const bool given = file.find("llama.attention.key_length") != nullptr;
  if (!given && hidden % heads != 0)
    fail("{}: llama.embedding_length = {} does not divide into {} heads", file.path().string(),
         hidden, heads);
  const int64_t out = given ? file.integer("llama.attention.key_length") : hidden / heads;
  require(file, "llama.attention.value_length", out);
  require(file, "llama.rope.dimension_count", out);
  return out;
}

}  // namespace

Json gguf_config(const Gguf& file) {
  check_kind(file);
  check_architecture(file);
  const auto whole = [&](const char* key) { return file.integer(std::string(kPrefix) + key); };
  Json c;
  c["architectures"] = {"LlamaForCausalLM"};
  c["model_type"] = "llama";
  c["hidden_size"] = whole("embedding_length");
  c["intermediate_size"] = whole("feed_forward_length");
  c["num_hidden_layers"] = whole("block_count");
  c["num_attention_heads"] = whole("attention.head_count");
  c["num_key_value_heads"] = file.find("llama.attention.head_count_kv") != nullptr
                                 ? whole("attention.head_count_kv")
                                 : whole("attention.head_count");
  c["max_position_embeddings"] = whole("context_length");
  c["rms_norm_eps"] = decimal(file, "llama.attention.layer_norm_rms_epsilon");
  c["rope_theta"] = file.find("llama.rope.freq_base") != nullptr
                        ? decimal(file, "llama.rope.freq_base")
                        : 10000.0;
  c["head_dim"] =
      head_dim(file, c["hidden_size"].get<int64_t>(), c["num_attention_heads"].get<int64_t>());
  const TensorInfo* embedding = file.tensor("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2)
    fail("{}: has no token_embd.weight", file.path().string());
  c["vocab_size"] = embedding->shape[0];
  require(file, "llama.vocab_size", embedding->shape[0]);
  c["tie_word_embeddings"] = file.tensor("output.weight") == nullptr;
  for (const char* token : {"bos", "eos", "pad"}) {
    const std::string key =
        fmt::format("tokenizer.ggml.{}_token_id", token == std::string("pad") ? "padding" : token);
    if (file.find(key) != nullptr) c[fmt::format("{}_token_id", token)] = file.integer(key);
  }
  c["hidden_act"] = "silu";
  c["attention_bias"] = false;
  c["mlp_bias"] = false;
  c["initializer_range"] = 0.02;
  c["torch_dtype"] = "float32";
  return c;
}

}  // namespace slipway
