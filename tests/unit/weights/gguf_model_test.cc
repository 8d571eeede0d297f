// GGUF files of the architecture "llama" under Hugging Face's names: what their metadata become,
// and what is refused by its name.
#include "weights/gguf_model.h"

#include <cmath>

#include "weights_files.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

std::vector<float> values_of(const ModelWeights& weights, const std::string& name, int64_t count) {
  std::vector<float> out(static_cast<size_t>(count));
  weights.read(name, out.data(), count);
  return out;
}

// A small llama in GGUF: width 4, two query heads over one key head; every q and k row r holds the
// value r.
struct TinyGguf {
  uint64_t heads = 2, kv_heads = 1;
  float eps = 1e-5f;
  std::string architecture = "llama";
  bool output = false, twice = false, bias = false;
  std::vector<float> rope_freqs = {};
  std::string more = {};  // pairs, encoded
  uint64_t more_count = 0;

  std::string bytes() const {
    const auto text = [](const std::string& s) { return raw<uint64_t>(s.size()) + s; };
    std::string pairs, tensors, data;
    uint64_t pair_count = 0, tensor_count = 0;
    const auto number = [&](const char* key, uint64_t v) {
      pairs += text(key) + raw<uint32_t>(10) + raw(v), ++pair_count;
    };
    const auto add = [&](const std::string& name, uint64_t rows, uint64_t columns) {
      tensors += text(name) + raw<uint32_t>(2) + raw(columns) + raw(rows) + raw<uint32_t>(0) +
                 raw<uint64_t>(data.size());
      for (uint64_t i = 0; i < rows * columns; ++i) data += raw(static_cast<float>(i / columns));
      data.resize((data.size() + 31) / 32 * 32);
      ++tensor_count;
    };
    pairs += text("general.architecture") + raw<uint32_t>(8) + text(architecture), ++pair_count;
    number("llama.embedding_length", 8);
    number("llama.feed_forward_length", 6);
    number("llama.block_count", 1);
    number("llama.attention.head_count", heads);
    number("llama.attention.head_count_kv", kv_heads);
    number("llama.context_length", 32);
    number("tokenizer.ggml.eos_token_id", 2);
    pairs += text("llama.attention.layer_norm_rms_epsilon") + raw<uint32_t>(6) + raw(eps),
        ++pair_count;
    add("token_embd.weight", 5, 8);
    add("blk.0.attn_q.weight", 8, 8);
    add("blk.0.attn_k.weight", 4, 8);
    add("blk.0.ffn_gate.weight", 6, 8);
    add("output_norm.weight", 1, 8);
    if (bias) add("blk.0.attn_q.bias", 1, 8);
    if (!rope_freqs.empty()) {
      tensors += text("rope_freqs.weight") + raw<uint32_t>(1) + raw<uint64_t>(rope_freqs.size()) +
                 raw<uint32_t>(0) + raw<uint64_t>(data.size());
      for (const float each : rope_freqs) data += raw(each);
      data.resize((data.size() + 31) / 32 * 32);
      ++tensor_count;
    }
    if (output) add("output.weight", 5, 8);
    if (twice) add("lm_head.weight", 5, 8);
    std::string out = "GGUF" + raw<uint32_t>(3) + raw(tensor_count) + raw(pair_count + more_count) +
                      pairs + more + tensors;
    out.resize((out.size() + 31) / 32 * 32);
    return out + data;
  }
};

ModelWeights open(const TinyGguf& tiny) {
  const fs::path path = scratch() / "tiny.gguf";
  write_bytes(path, tiny.bytes());
  return open_weights(path);
}

std::vector<float> first_column(const ModelWeights& weights, const std::string& name,
                                int64_t rows) {
  const std::vector<float> all = values_of(weights, name, rows * 8);
  std::vector<float> out;
  for (size_t i = 0; i < all.size(); i += 8) out.push_back(all[i]);
  return out;
}

TEST(GgufModel, BecomesAConfigAndNames) {
  const ModelWeights weights = open({});
  const Json& c = weights.config;
  EXPECT_EQ(c["architectures"][0], "LlamaForCausalLM");
  const std::pair<const char*, int64_t> numbers[] = {{"hidden_size", 8},
                                                     {"intermediate_size", 6},
                                                     {"num_hidden_layers", 1},
                                                     {"num_attention_heads", 2},
                                                     {"num_key_value_heads", 1},
                                                     {"max_position_embeddings", 32},
                                                     {"head_dim", 4},
                                                     {"vocab_size", 5},
                                                     {"eos_token_id", 2}};
  for (const auto& [key, number] : numbers) EXPECT_EQ(c[key], number) << key;
  EXPECT_EQ(c["rms_norm_eps"], 1e-5) << "the decimal, not the float32 beside it";
  EXPECT_EQ(c["rope_theta"], 10000.0);
  EXPECT_EQ(c["tie_word_embeddings"], true);
  EXPECT_TRUE(c["bos_token_id"].is_null());
  EXPECT_THAT(
      weights.names,
      testing::ElementsAre("model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight",
                           "model.layers.0.self_attn.k_proj.weight",
                           "model.layers.0.mlp.gate_proj.weight", "model.norm.weight"));
  EXPECT_EQ(open({.output = true}).config["tie_word_embeddings"], false);
}

TEST(GgufModel, RotaryRowsChangePlaces) {
  const ModelWeights weights = open({});
  EXPECT_EQ(first_column(weights, "model.layers.0.self_attn.q_proj.weight", 8),
            (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}));
  EXPECT_EQ(first_column(weights, "model.layers.0.self_attn.k_proj.weight", 4),
            (std::vector<float>{0, 2, 1, 3}));
  EXPECT_EQ(first_column(weights, "model.layers.0.mlp.gate_proj.weight", 6),
            (std::vector<float>{0, 1, 2, 3, 4, 5}));
}

TEST(GgufModel, RowsAsTheFileHasThemAreInTheModelsOrder) {
  const ModelWeights weights = open({});
  for (const auto& [name, rows] :
       {std::pair("self_attn.q_proj", 8), {"self_attn.k_proj", 4}, {"mlp.gate_proj", 6}}) {
    const std::string full = std::string("model.layers.0.") + name + ".weight";
    std::vector<float> out(static_cast<size_t>(rows) * 8);
    EXPECT_TRUE(weights.read_rows(full, Encoding::kF32, std::as_writable_bytes(std::span(out))));
    EXPECT_EQ(out, values_of(weights, full, rows * 8)) << name;
    EXPECT_FALSE(weights.read_rows(full, Encoding::kBF16, std::as_writable_bytes(std::span(out))));
  }
  EXPECT_FALSE(weights.read_rows("nothing", Encoding::kF32, {}));
}

TEST(GgufModel, WrongFilesAreNamed) {
  const auto refuses = [](const TinyGguf& tiny, const char* words) {
    EXPECT_THAT(
        [&] {
          const ModelWeights weights = open(tiny);
          values_of(weights, "model.layers.0.self_attn.q_proj.weight", 64);
          values_of(weights, "model.layers.0.self_attn.k_proj.weight", 32);
        },
        ThrowsMessage<Error>(AllOf(HasSubstr("tiny.gguf"), HasSubstr(words))))
        << words;
  };
  refuses({.architecture = "mamba"}, "architecture \"mamba\" is not supported");
  refuses({.heads = 0}, "head_count");
  refuses({.heads = 3}, "does not divide into 3 heads");
  refuses({.heads = 8}, "does not divide into 8 heads");
  refuses({.heads = INT64_MAX}, "does not divide into");
  refuses({.kv_heads = 0}, "does not divide into 0 heads");
  refuses({.kv_heads = INT64_MAX}, "does not divide into");
  refuses({.eps = 0}, "layer_norm_rms_epsilon\" must be positive");
  refuses({.eps = -INFINITY}, "must be positive");
  refuses({.eps = INFINITY}, "must be positive");
  refuses({.eps = NAN}, "must be positive");
  refuses({.output = true, .twice = true}, "two tensors are called \"lm_head.weight\"");
}

std::string encoded(const std::string& key, uint32_t type, const std::string& value) {
  return raw<uint64_t>(key.size()) + key + raw(type) + value;
}
std::string whole(const std::string& key, uint32_t value) { return encoded(key, 4, raw(value)); }
std::string real(const std::string& key, float value) { return encoded(key, 6, raw(value)); }
std::string flag(const std::string& key, bool value) {
  return encoded(key, 7, std::string(1, value ? '\1' : '\0'));
}
std::string words(const std::string& key, const std::string& value) {
  return encoded(key, 8, raw<uint64_t>(value.size()) + value);
}

TEST(GgufModel, MetadataThatChangesTheModelIsRefusedByName) {
  const std::pair<std::string, const char*> cases[] = {
      {words("llama.rope.scaling.type", "linear"), "\"llama.rope.scaling.factor\""},
      {words("llama.rope.scaling.type", "longrope"), "\"llama.rope.scaling.type\" = \"longrope\""},
      {real("llama.rope.scaling.factor", 2), "\"llama.rope.scaling.factor\" = 2"},
      {real("llama.rope.scale_linear", 4), "llama.rope.scale_linear"},
      {real("llama.rope.scaling.yarn_ext_factor", 0), "llama.rope.scaling.yarn_ext_factor"},
      {whole("llama.attention.sliding_window", 16), "llama.attention.sliding_window"},
      {whole("llama.expert_count", 8), "llama.expert_count"},
      {whole("llama.rope.dimension_count", 2),
       "\"llama.rope.dimension_count\" = 2 is not supported (4 is)"},
      {whole("llama.attention.value_length", 8),
       "\"llama.attention.value_length\" = 8 is not supported (4 is)"},
      {whole("llama.vocab_size", 7), "llama.vocab_size"},
      {real("llama.attention.clamp_kqv", 1), "llama.attention.clamp_kqv"},
      {real("llama.attention.scale", 0.5f), "llama.attention.scale"},
      {real("llama.logit_scale", 2), "llama.logit_scale"},
      {real("llama.final_logit_softcapping", 30), "llama.final_logit_softcapping"},
      {flag("llama.attention.causal", false), "\"llama.attention.causal\" = false"},
      {flag("llama.use_parallel_residual", true), "llama.use_parallel_residual"},
      {words("llama.tensor_data_layout", "other"), "llama.tensor_data_layout"},
      {words("general.type", "adapter"), "type \"adapter\", LoRA"},
      {words("general.type", "mmproj"), "type \"mmproj\""},
      {encoded("split.count", 2, raw<uint16_t>(3)), "one of 3 pieces"},
  };
  for (const auto& [pair, text] : cases)
    EXPECT_THAT([&] { open({.more = pair, .more_count = 1}); },
                ThrowsMessage<Error>(AllOf(HasSubstr("tiny.gguf"), HasSubstr(text))))
        << text;
}

TEST(GgufModel, MetadataThatSayWhatIsComputedAnywayAreRead) {
  std::string pairs;
  uint64_t count = 0;
  for (const std::string& each :
       {words("llama.rope.scaling.type", "none"), real("llama.rope.scaling.factor", 1),
        whole("llama.attention.sliding_window", 0), whole("llama.expert_count", 0),
        whole("llama.rope.dimension_count", 4), whole("llama.attention.key_length", 4),
        whole("llama.attention.value_length", 4), whole("llama.vocab_size", 5),
        flag("llama.attention.causal", true),
        words("llama.tensor_data_layout", "Meta AI original pth"), words("general.type", "model"),
        encoded("split.count", 2, raw<uint16_t>(0)), whole("llama.made_up", 1)})
    pairs += each, ++count;
  EXPECT_EQ(open({.more = pairs, .more_count = count}).config["head_dim"], 4);
}

TEST(GgufModel, ScalingsOfRotaryPositionsAreThoseOfConfigJson) {
  const std::string linear =
      words("llama.rope.scaling.type", "linear") + real("llama.rope.scaling.factor", 2.5f);
  EXPECT_EQ(open({.more = linear, .more_count = 2}).config["rope_scaling"],
            Json::parse(R"({"rope_type": "linear", "factor": 2.5})"));
  const std::string yarn = words("llama.rope.scaling.type", "yarn") +
                           real("llama.rope.scaling.factor", 4) +
                           whole("llama.rope.scaling.original_context_length", 16);
  EXPECT_EQ(open({.more = yarn, .more_count = 3}).config["rope_scaling"],
            Json::parse(
                R"({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16})"));
  // Llama 3.1's file has its factors instead
  const ModelWeights weights = open({.rope_freqs = {1, 8}});
  EXPECT_EQ(weights.config["rope_scaling"]["rope_type"], "longrope");
  for (const char* factors : {"short_factor", "long_factor"})
    EXPECT_EQ(weights.config["rope_scaling"][factors], Json::parse("[1.0, 8.0]"));
  EXPECT_FALSE(weights.tensors.contains("rope_freqs.weight"));
  EXPECT_FALSE(open({.rope_freqs = {1, 1}}).config.contains("rope_scaling"));
  EXPECT_THAT([&] { open({.rope_freqs = {1, 8}, .more = linear, .more_count = 2}); },
              ThrowsMessage<Error>(HasSubstr("rope_freqs.weight stands beside")));
}

TEST(GgufModel, EveryTensorKeepsItsNameAndShape) {
  const ModelWeights weights = open({.bias = true});
  const TensorInfo& bias = *weights.tensors.at("model.layers.0.self_attn.q_proj.bias");
  EXPECT_EQ(bias.name, "blk.0.attn_q.bias");
  EXPECT_EQ(weights.tensors.at("model.layers.0.self_attn.k_proj.weight")->shape,
            (std::vector<int64_t>{4, 8}));
}

}  // namespace
}  // namespace slipway
