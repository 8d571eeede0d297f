// Configurations of recorded families as GGUF metadata: read back they are written as the same
// again; those that llama.cpp would compute as something else are refused by the key.
#include "weights/gguf_export.h"

#include "base/json.h"
#include "weights/gguf_config.h"
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
  refuses("mistral", "\"sliding_window\" = 4");
  refuses("phi3", "\"sliding_window\" = 5");
  refuses("gpt2 scaled by layer", "\"activation_function\" = \"relu\"");
  refuses("gemma2", "\"attention_bias\" = true");
  refuses("ministral", "model_type \"ministral\" has no form in GGUF");
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
