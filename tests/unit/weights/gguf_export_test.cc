// Configurations of recorded families as GGUF metadata: read back they are written as the same
// again; those that llama.cpp would compute as something else are refused by the key.
#include "weights/gguf_export.h"

#include "base/json.h"
#include "weights/gguf_config.h"
#include "weights/gguf_model.h"
#include "weights_files.h"

namespace slipway {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

const Json& recorded(const char* key) {
  static const Json record =
      parse_json(read_file("tests/parity/data/families.json"), "families.json");
  return record.at(key);
}

// The configuration of a file that holds the description.
Json read_back(const GgufDescription& description, int64_t vocabulary) {
  const fs::path path = scratch() / "model.gguf";
  std::vector<GgufTensor> tensors = {{"token_embd.weight", {vocabulary, 4}, Encoding::kF32}};
  for (const auto& [name, values] : description.factors)
    tensors.push_back({name, {static_cast<int64_t>(values.size())}, Encoding::kF32});
  write_gguf(path, description.metadata, tensors, [&](size_t i, std::span<float> out) {
    if (i > 0) std::ranges::copy(description.factors[i - 1].second, out.begin());
  });
  const Gguf file(path);
  return gguf_config(file, gguf_family_of_file(file));
}

// With what a model's plugin says of heads.
Json completed(Json config) {
  if (config.contains("n_head")) return config;
  const int64_t heads = config.at("num_attention_heads");
  for (const auto& [key, value] :
       {std::pair{"head_dim", config.at("hidden_size").get<int64_t>() / heads},
        std::pair{"num_key_value_heads", heads}})
    if (!config.contains(key) || config.at(key).is_null()) config[key] = value;
  return config;
}

TEST(GgufExport, DescriptionsComeBack) {
  for (const Json& each : recorded("exported")) {
    SCOPED_TRACE(each.at("name").get<std::string>());
    const GgufDescription once = gguf_description(completed(each.at("config")), "c");
    const GgufDescription again = gguf_description(completed(read_back(once, 64)), "g");
    ASSERT_EQ(once.metadata.size(), again.metadata.size());
    for (size_t i = 0; i < once.metadata.size(); ++i) {
      EXPECT_EQ(once.metadata[i].key, again.metadata[i].key);
      EXPECT_EQ(once.metadata[i].value, again.metadata[i].value) << once.metadata[i].key;
    }
    EXPECT_EQ(once.factors, again.factors);
  }
}

TEST(GgufExport, KeysThatLlamaCppDoesNotHaveAreNamed) {
  const auto refuses = [](const char* name, const char* words) {
    for (const Json& each : recorded("cases"))
      if (each.at("name") == name) {
        EXPECT_THAT([&] { gguf_description(completed(each.at("config")), "c"); },
                    ThrowsMessage<Error>(HasSubstr(words)));
      }
  };
  refuses("llama head_dim, tied", "\"hidden_act\" = \"gelu\" cannot be written as GGUF");
  refuses("phi3",
          "\"sliding_window\" = 5 cannot be written as GGUF, in which this family has no "
          "windows (none, and 96 = max_position_embeddings, are)");
  refuses("qwen2 windows",
          "\"use_sliding_window\" = true cannot be written as GGUF, in which this");
  refuses("qwen3", "\"use_sliding_window\" = true");
  refuses("smollm3", "\"use_sliding_window\" = true");
  refuses("gpt2 scaled by layer", "\"activation_function\" = \"relu\"");
  refuses("gemma2", "\"attention_bias\" = true");
}

// The configuration of a recorded case, changed.
Json changed_case(const char* name, const Json& changes) {
  for (const Json& each : recorded("cases"))
    if (each.at("name") == name) {
      Json config = completed(each.at("config"));
      for (const auto& [key, value] : changes.items()) config[key] = value;
      return config;
    }
  fail("no case {}", name);
}

const GgufWritten* written(const GgufDescription& description, const std::string& key) {
  const auto found = std::ranges::find(description.metadata, key, &GgufPair::key);
  return found == description.metadata.end() ? nullptr : &found->value;
}

TEST(GgufExport, WindowsOfMistralAreThoseOfAnotherArchitecture) {
  const auto description = [](const Json& changes) {
    return gguf_description(changed_case("mistral", changes), "c");
  };
  const GgufDescription windows = description(Json::object());
  EXPECT_EQ(windows.family->architecture, "granite_swa");
  EXPECT_EQ(*written(windows, "granite_swa.attention.sliding_window"), GgufWritten(uint32_t{4}));
  EXPECT_EQ(*written(windows, "granite_swa.attention.sliding_window_pattern"),
            GgufWritten(std::vector<bool>(3, true)));
  EXPECT_THAT(windows.factors, testing::SizeIs(3)) << "sinks of each layer";
  for (const Json& none : {Json(nullptr), Json(96), Json(1000)}) {
    const GgufDescription plain = description({{"sliding_window", none}});
    EXPECT_EQ(plain.family->architecture, "llama") << none;
    EXPECT_TRUE(plain.factors.empty());
  }
  Json absent = changed_case("mistral", {{"max_position_embeddings", 5000}});
  absent.erase("sliding_window");
  EXPECT_EQ(*written(gguf_description(absent, "c"), "granite_swa.attention.sliding_window"),
            GgufWritten(uint32_t{4096}))
      << "its class's";
  const GgufDescription some = gguf_description(changed_case("ministral", Json::object()), "c");
  EXPECT_EQ(*written(some, "granite_swa.attention.sliding_window_pattern"),
            GgufWritten(std::vector<bool>{true, false, true}));
}

TEST(GgufExport, LayersWithWindowsAreListedWhereTheyAreOthersThanUsual) {
  const auto pattern = [](const char* name, const Json& changes, const std::string& key) {
    const GgufDescription made = gguf_description(changed_case(name, changes), "c");
    const GgufWritten* found = written(made, key + ".attention.sliding_window_pattern");
    return found == nullptr ? std::vector<bool>() : std::get<std::vector<bool>>(*found);
  };
  const Json plain = {
      {"layer_types", nullptr}, {"query_pre_attn_scalar", 16}, {"attention_bias", false}};
  EXPECT_EQ(pattern("gemma2", plain, "gemma2"), std::vector<bool>());
  Json gemma3 = plain;
  EXPECT_EQ(pattern("gemma3", gemma3, "gemma3"), std::vector<bool>());
  gemma3["sliding_window_pattern"] = 3;
  EXPECT_EQ(pattern("gemma3", gemma3, "gemma3"), (std::vector<bool>{true, true, false}));
  gemma3["layer_types"] = {"full_attention", "full_attention", "sliding_attention"};
  EXPECT_EQ(pattern("gemma3", gemma3, "gemma3"), (std::vector<bool>{false, false, true}));
}

TEST(GgufExport, SinksThatTakeAttentionAreRefused) {
  const auto open = [](float sink) {
    const GgufDescription made = gguf_description(changed_case("mistral", Json::object()), "c");
    std::vector<GgufTensor> tensors = {{"token_embd.weight", {64, 32}, Encoding::kF32},
                                       {"blk.0.attn_sinks.weight", {4}, Encoding::kF32}};
    const fs::path path = scratch() / "model.gguf";
    write_gguf(path, made.metadata, tensors, [&](size_t i, std::span<float> out) {
      std::ranges::fill(out, i == 1 ? sink : 0.0f);
    });
    return open_gguf(path);
  };
  EXPECT_EQ(open(-1e30f).names, std::vector<std::string>{"model.embed_tokens.weight"});
  EXPECT_THAT(
      [&] { open(-3.0f); },
      ThrowsMessage<Error>(HasSubstr("tensor blk.0.attn_sinks.weight: sinks of attention")));
}

TEST(GgufFamily, NamesGoBothWays) {
  for (const Json& each : recorded("cases")) {
    const GgufFamily* family =
        gguf_family_of(each.at("config").at("model_type").get<std::string>());
    if (family == nullptr) continue;
    for (const Json& parameter : each.at("parameters")) {
      const std::string name = parameter[0], there = gguf_name(*family, name);
      EXPECT_TRUE(there.starts_with("blk.") || there.find('.') == there.rfind('.')) << there;
      EXPECT_NE(there, name);
      EXPECT_EQ(hugging_face_name(*family, there), name);
    }
  }
}

}  // namespace
}  // namespace slipway
