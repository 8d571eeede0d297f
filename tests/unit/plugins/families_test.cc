// The families' reading of config.json: what would make each another model is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// The first recorded configuration of that type.
Json recorded_config(const std::string& model_type) {
  static const Json record =
      parse_json(read_file("tests/parity/data/families.json"), "families.json");
  for (const Json& each : record.at("cases"))
    if (each.at("config").at("model_type") == model_type) return each.at("config");
  fail("no configuration of {}", model_type);
}

// What creating the model of `plugin` says, "" = nothing.
std::string family_fault(const std::string& plugin, const Json& config) {
  static const Registry registry({SLIPWAY_PLUGINS});
  const Registry::Found& found = registry.find(plugin, SLW_KIND_MODEL, {});
  return error_of([&] {
    Plugin(*found.library, *found.descriptor, option_table("config", value_of(config)), {});
  });
}

struct FamilyCase {
  const char *model_type, *key, *value, *words;
};

TEST(Families, KeysThatChangeTheModelAreRefusedByName) {
  const FamilyCase cases[] = {
      {"qwen2", "mlp_bias", "true", "\"mlp_bias\" = true is not supported"},
      {"qwen2", "num_experts", "8", "\"num_experts\" = 8"},
      {"qwen2", "layer_types", R"(["full_attention"])", "\"layer_types\" has not one entry"},
      {"qwen2", "layer_types", R"(["full_attention", "chunked_attention", "full_attention"])",
       "\"layer_types\" with \"chunked_attention\" is not supported"},
      {"qwen2", "layer_types", R"(["full_attention", "sliding_attention", "full_attention"])",
       "\"sliding_window\" is missing"},
      {"qwen2", "sliding_window", "-1", "\"sliding_window\" must be positive"},
      {"qwen3", "partial_rotary_factor", "0.5", "\"partial_rotary_factor\" = 0.5"},
      {"qwen3", "mlp_only_layers", "[1]", ""},  // not known: a warning
      {"mistral", "layer_types", R"(["full_attention", "sliding_attention", "full_attention"])",
       "\"layer_types\" differ from \"sliding_window\""},
      {"mistral", "attention_bias", "true", "\"attention_bias\" = true"},
      {"ministral", "architectures", R"(["MistralForCausalLM"])",
       "MistralForCausalLM\", which is not supported (MinistralForCausalLM is)"},
      {"smollm3", "no_rope_layers", "[1, 1]", "\"no_rope_layers\" has not one entry a layer"},
      {"granite", "attention_multiplier", "0", "\"attention_multiplier\" must be positive"},
      {"granite", "num_local_experts", "4", "\"num_local_experts\" = 4"},
      {"olmo2", "sliding_window", "4096", "\"sliding_window\" = 4096"},
      {"olmo3", "rope_parameters", R"({"rope_type": "default", "rope_theta": 5.0})",
       "\"rope_parameters\" with \"rope_"},
      {"phi3", "rope_scaling", R"({"type": "longrope", "short_factor": [1.0], "long_factor": []})",
       "\"short_factor\" is not a list of 4 numbers"},
      {"phi3", "rope_scaling", R"({"type": "proportional"})", "\"proportional\" is not supported"},
      {"gemma2", "hidden_act", "\"silu\"", "\"hidden_act\" is not what \"hidden_activation\" is"},
      {"gemma2", "use_bidirectional_attention", "true", "\"use_bidirectional_attention\" = true"},
      {"gemma2", "attention_multiplier", "3", "\"attention_multiplier\""},
      {"gemma3_text", "attn_logit_softcapping", "50.0", "\"attn_logit_softcapping\" = 50.0"},
      {"gemma3_text", "text_config", R"({"hidden_size": 8})", "\"text_config\" = {...}"},
      {"gpt2", "rope_theta", "10000.0", "\"rope_theta\" = 10000.0"},
      {"gpt2", "add_cross_attention", "true", "\"add_cross_attention\" = true"},
      {"gpt2", "n_ctx", "7", "\"n_ctx\" = 7"},
      {"gpt2", "activation_function", "\"mish\"", "\"activation_function\" is \"mish\""},
  };
  for (const FamilyCase& each : cases) {
    Json config = recorded_config(each.model_type);
    config[each.key] = parse_json(each.value, "value");
    const std::string said = family_fault(each.model_type, config);
    if (*each.words == '\0') EXPECT_EQ(said, "") << each.model_type << " " << each.key;
    else
      EXPECT_THAT(said, AllOf(HasSubstr("config.json"), HasSubstr(each.words)))
          << each.model_type << " " << each.key;
  }
}

TEST(Families, AnotherFamilysFileIsRefused) {
  for (const char* plugin : {"llama", "qwen2", "gemma2", "gpt2"})
    EXPECT_THAT(family_fault(plugin, recorded_config("qwen3")),
                HasSubstr("config.json: model_type \"qwen3\" is not supported (" +
                          std::string(plugin) + " is)"));
}

}  // namespace
}  // namespace slipway
