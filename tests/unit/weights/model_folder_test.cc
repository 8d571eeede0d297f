// Weights under Hugging Face's names: folders in one file or several, GGUF files, and what is said when something is missing.
#include "weights/model_folder.h"

#include <algorithm>
#include <cstdlib>

#include "base/manifest.h"
#include "weights/safetensors.h"
#include "weights_files.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::ThrowsMessage;

void write_shard(const fs::path& path, const std::vector<std::string>& names, float first) {
  std::vector<std::vector<float>> values;
  std::vector<FloatTensor> tensors;
  for (const std::string& name : names) {
    values.push_back({first, first + 1});
    tensors.push_back({name, {2}, nullptr});
    first += 2;
  }
  for (size_t i = 0; i < names.size(); ++i) tensors[i].data = values[i].data();
  write_safetensors(path, tensors);
}

fs::path sharded(const std::string& index) {
  const fs::path folder = scratch();
  write_bytes(folder / "config.json", R"({"model_type":"llama"})");
  write_shard(folder / "one.safetensors", {"a", "b"}, 1);
  write_shard(folder / "two.safetensors", {"c"}, 5);
  write_bytes(folder / "model.safetensors.index.json", index);
  return folder;
}

std::vector<float> values(const ModelWeights& weights, const std::string& name, int64_t count = 2) {
  std::vector<float> out(static_cast<size_t>(count));
  weights.read(name, out.data(), count);
  return out;
}

TEST(ModelFolder, OneFile) {
  const fs::path folder = scratch();
  write_bytes(folder / "config.json", R"({"model_type":"llama","hidden_size":2})");
  write_shard(folder / "model.safetensors", {"a.weight", "b.weight"}, 1);
  const ModelWeights weights = open_weights(folder);
  EXPECT_EQ(weights.config["hidden_size"], 2);
  EXPECT_EQ(weights.names, (std::vector<std::string>{"a.weight", "b.weight"}));
  EXPECT_EQ(values(weights, "b.weight"), (std::vector<float>{3, 4}));
  EXPECT_THAT([&] { values(weights, "a.weigth"); },
              ThrowsMessage<Error>(AllOf(HasSubstr("no tensor \"a.weigth\""), HasSubstr("a.weight"))));
  EXPECT_THAT([&] { values(weights, "a.weight", 3); },
              ThrowsMessage<Error>(AllOf(HasSubstr("a.weight has 2 values, the model needs 3"), HasSubstr("belong together"))));
}

TEST(ModelFolder, ACheckpointsWeightsAreHeldAgainstItsManifest) {
  const fs::path folder = scratch();
  write_bytes(folder / "config.json", R"({"model_type":"llama"})");
  write_shard(folder / "model.safetensors", {"a"}, 1);
  write_bytes(folder / "optimizer.pt", "of no interest here");
  write_manifest(folder, 3, {"config.json", "model.safetensors", "optimizer.pt"});
  fs::remove(folder / "optimizer.pt");
  EXPECT_EQ(values(open_weights(folder), "a"), (std::vector<float>{1, 2}));
  write_shard(folder / "model.safetensors", {"a"}, 2);  // whole by itself, and another
  EXPECT_THAT([&] { open_weights(folder); }, ThrowsMessage<Error>(HasSubstr("model.safetensors: differs from what the manifest says")));
}

TEST(ModelFolder, APlacingThatACrashInterruptedIsFinishedFirst) {
  const fs::path folder = scratch(), ready = folder / ".model.slipway-ready";
  fs::create_directory(ready);
  write_shard(folder / "model.safetensors", {"a"}, 1);  // new weights, and config.json is still to come
  write_bytes(ready / "config.json", R"({"model_type":"llama"})");
  write_bytes(ready / ".order.json", R"({"last":"config.json","obsolete":[]})");
  EXPECT_EQ(values(open_weights(folder), "a"), (std::vector<float>{1, 2}));
  EXPECT_FALSE(fs::exists(ready));
}

TEST(ModelFolder, Shards) {
  const ModelWeights weights = open_weights(
      sharded(R"({"metadata":{},"weight_map":{"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors"}})"));
  EXPECT_EQ(weights.names.size(), 3u);
  EXPECT_EQ(values(weights, "b"), (std::vector<float>{3, 4}));
  EXPECT_EQ(values(weights, "c"), (std::vector<float>{5, 6}));
}

TEST(ModelFolder, WrongIndexIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"weight_map":{"a":"three.safetensors"}})", "shard \"three.safetensors\" is not there"},
      {R"({"weight_map":{"a":"one.safetensors","z":"two.safetensors"}})", "has no tensor \"z\""},
      {R"({"weight_map":{"a":"../one.safetensors"}})", "the shard of \"a\" is no file in the folder: \"../one.safetensors\""},
      {R"({"weight_map":{"a":"/etc/passwd"}})", "is no file in the folder"},
      {R"({"weight_map":{"a":".."}})", "is no file in the folder: \"..\""},
      {R"({"weight_map":{"a":""}})", "is no file in the folder"},
      {R"({"weight_map":{"a":"one.safetensors\u0000x"}})", "is no file in the folder"},
      {R"({"weight_map":{"a":"x/../one.safetensors"}})", "is no file in the folder"},
      {R"({"weight_map":{"a":3}})", "\"a\" names no file"},
      {R"({"weight_map":[]})", "has no \"weight_map\""},
      {R"({})", "has no \"weight_map\""},
      {R"([])", "has no \"weight_map\""},
      {R"({"weight_map":{"a":"one.safetensors","a":"two.safetensors"}})", "\"a\" occurs twice"},
      {"{", "not valid JSON"},
  };
  for (const auto& [index, words] : cases)
    EXPECT_THAT([&] { open_weights(sharded(index)); }, ThrowsMessage<Error>(AllOf(HasSubstr(SLIPWAY_SCRATCH), HasSubstr(words)))) << index;
}

TEST(ModelFolder, TensorInTwoShards) {
  const fs::path folder = sharded(R"({"weight_map":{"a":"one.safetensors","c":"two.safetensors"}})");
  write_shard(folder / "two.safetensors", {"c", "a"}, 1);
  EXPECT_THAT([&] { open_weights(folder); }, ThrowsMessage<Error>(HasSubstr("tensor a occurs in two files")));
}

TEST(ModelFolder, MissingFilesAreNamed) {
  const fs::path folder = scratch();
  EXPECT_THAT([&] { open_weights(folder / "none"); }, ThrowsMessage<Error>(HasSubstr("no such file or folder")));
  EXPECT_THAT([&] { open_weights(folder); }, ThrowsMessage<Error>(AllOf(HasSubstr("no config.json"), HasSubstr(".gguf"))));
  write_bytes(folder / "config.json", "[]");
  EXPECT_THAT([&] { open_weights(folder); }, ThrowsMessage<Error>(HasSubstr("config.json: is not a JSON object")));
  write_bytes(folder / "config.json", "{}");
  EXPECT_THAT([&] { open_weights(folder); }, ThrowsMessage<Error>(HasSubstr("neither model.safetensors nor")));
  write_bytes(folder / "model.bin", "PK\x03\x04 not weights at all");
  EXPECT_THAT([&] { open_weights(folder / "model.bin"); }, ThrowsMessage<Error>(HasSubstr("not a GGUF file")));
}

// A small llama in GGUF: width 4, two query heads over one key head; every q and k row r holds the value r.
struct TinyGguf {
  uint64_t heads = 2, kv_heads = 1;
  float eps = 1e-5f;
  std::string architecture = "llama";
  bool output = false, twice = false;

  std::string bytes() const {
    const auto text = [](const std::string& s) { return raw<uint64_t>(s.size()) + s; };
    std::string pairs, tensors, data;
    uint64_t pair_count = 0, tensor_count = 0;
    const auto number = [&](const char* key, uint64_t v) { pairs += text(key) + raw<uint32_t>(10) + raw(v), ++pair_count; };
    const auto add = [&](const std::string& name, uint64_t rows, uint64_t columns) {
      tensors += text(name) + raw<uint32_t>(2) + raw(columns) + raw(rows) + raw<uint32_t>(0) + raw<uint64_t>(data.size());
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
    pairs += text("llama.attention.layer_norm_rms_epsilon") + raw<uint32_t>(6) + raw(eps), ++pair_count;
    add("token_embd.weight", 5, 8);
    add("blk.0.attn_q.weight", 8, 8);
    add("blk.0.attn_k.weight", 4, 8);
    add("blk.0.ffn_gate.weight", 6, 8);
    add("output_norm.weight", 1, 8);
    if (output) add("output.weight", 5, 8);
    if (twice) add("lm_head.weight", 5, 8);
    std::string out = "GGUF" + raw<uint32_t>(3) + raw(tensor_count) + raw(pair_count) + pairs + tensors;
    out.resize((out.size() + 31) / 32 * 32);
    return out + data;
  }
};

ModelWeights open(const TinyGguf& tiny) {
  const fs::path path = scratch() / "tiny.gguf";
  write_bytes(path, tiny.bytes());
  return open_weights(path);
}

std::vector<float> first_column(const ModelWeights& weights, const std::string& name, int64_t rows) {
  const std::vector<float> all = values(weights, name, rows * 8);
  std::vector<float> out;
  for (size_t i = 0; i < all.size(); i += 8) out.push_back(all[i]);
  return out;
}

TEST(ModelFolder, GgufBecomesAConfigAndNames) {
  const ModelWeights weights = open({});
  const Json& c = weights.config;
  EXPECT_EQ(c["architectures"][0], "LlamaForCausalLM");
  const std::pair<const char*, int64_t> numbers[] = {
      {"hidden_size", 8},         {"intermediate_size", 6}, {"num_hidden_layers", 1}, {"num_attention_heads", 2}, {"num_key_value_heads", 1},
      {"max_position_embeddings", 32}, {"head_dim", 4},     {"vocab_size", 5},        {"eos_token_id", 2}};
  for (const auto& [key, number] : numbers) EXPECT_EQ(c[key], number) << key;
  EXPECT_EQ(c["rms_norm_eps"], 1e-5) << "the decimal, not the float32 beside it";
  EXPECT_EQ(c["rope_theta"], 10000.0);
  EXPECT_EQ(c["tie_word_embeddings"], true);
  EXPECT_FALSE(c.contains("bos_token_id"));
  EXPECT_THAT(weights.names, testing::ElementsAre("model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight",
                                                  "model.layers.0.self_attn.k_proj.weight", "model.layers.0.mlp.gate_proj.weight",
                                                  "model.norm.weight"));
  EXPECT_EQ(open({.output = true}).config["tie_word_embeddings"], false);
}

TEST(ModelFolder, GgufRotaryRowsChangePlaces) {
  const ModelWeights weights = open({});
  EXPECT_EQ(first_column(weights, "model.layers.0.self_attn.q_proj.weight", 8), (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}));
  EXPECT_EQ(first_column(weights, "model.layers.0.self_attn.k_proj.weight", 4), (std::vector<float>{0, 2, 1, 3}));
  EXPECT_EQ(first_column(weights, "model.layers.0.mlp.gate_proj.weight", 6), (std::vector<float>{0, 1, 2, 3, 4, 5}));
}

TEST(ModelFolder, WrongGgufIsNamed) {
  const auto refuses = [](const TinyGguf& tiny, const char* words) {
    EXPECT_THAT(
        [&] {
          const ModelWeights weights = open(tiny);
          values(weights, "model.layers.0.self_attn.q_proj.weight", 64);
          values(weights, "model.layers.0.self_attn.k_proj.weight", 32);
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

TEST(ModelFolder, SmolLm2) {
  const char* assets = std::getenv("SLIPWAY_ASSETS");
  const ModelWeights weights = open_weights(fs::path(assets != nullptr ? assets : "build/assets") / "SmolLM2-135M-Instruct.Q4_1.gguf");
  EXPECT_EQ(weights.config["hidden_size"], 576);
  EXPECT_EQ(weights.names.size(), 272u);
  EXPECT_THAT(weights.names, Contains("model.layers.29.mlp.down_proj.weight"));
  for (const std::string& name : weights.names) EXPECT_TRUE(name.starts_with("model.")) << name;
}

}  // namespace
}  // namespace slipway
