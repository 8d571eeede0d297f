// The llama plugin's reading of config.json: what it honours, refuses by name, warns about.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Json config() {
  return Json::parse(
      R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1,
                         "num_attention_heads": 2, "vocab_size": 16})");
}

// What creating the model says, "" = nothing.
std::string fault(const Json& all) {
  static const Registry registry({SLIPWAY_PLUGINS});
  const Registry::Found& found = registry.find("llama", SLW_KIND_MODEL, {});
  return error_of([&] {
    Plugin(*found.library, *found.descriptor, option_table("config", value_of(all)), {});
  });
}
std::string fault(const char* key, const char* value) {
  Json all = config();
  all[key] = parse_json(value, "value");
  return fault(all);
}

struct Case {
  const char *key, *value, *words;
};

TEST(Llama, OtherArchitecturesAreRefused) {
  EXPECT_THAT(fault("model_type", "\"qwen2\""),
              HasSubstr("config.json: model_type \"qwen2\" is not supported (llama is)"));
  EXPECT_THAT(fault("model_type", "5"), HasSubstr("model_type 5 is not supported"));
  EXPECT_THAT(fault("architectures", R"(["LlamaForSequenceClassification"])"),
              HasSubstr("architectures names \"LlamaForSequenceClassification\", which is not "
                        "supported (LlamaForCausalLM is)"));
  EXPECT_THAT(fault("auto_map", R"({"AutoModelForCausalLM": "modeling_x.X"})"),
              HasSubstr("\"auto_map\" names Python code"));
  EXPECT_EQ(fault("auto_map", R"({"AutoTokenizer": ["tokenization_x.X", null]})"), "");
  Json bare = config();
  bare.erase("model_type");
  bare.erase("architectures");
  EXPECT_EQ(fault(bare), "") << "a file written by hand for a fresh model";
}

TEST(Llama, KeysThatChangeTheModelAreRefusedByName) {
  const Case cases[] = {
      {"hidden_act", "\"mish\"", "\"hidden_act\" is \"mish\""},
      {"hidden_act", "5", "\"hidden_act\" is not a text"},
      {"qkv_bias", "true", "\"qkv_bias\" = true"},
      {"rope_scaling", R"({"type": "linear"})",
       "\"rope_scaling\" of type \"linear\": \"factor\" is missing"},
      {"rope_scaling", R"({"type": "linear", "factor": -2})", "\"factor\" must be positive"},
      {"rope_scaling", R"({"type": "linear", "factor": 2.0, "beta_fast": 4})",
       "\"rope_scaling\" with \"beta_fast\" is not supported for the type \"linear\""},
      {"rope_scaling", R"({"type": "proportional", "factor": 2.0})",
       "\"rope_scaling\" of type \"proportional\""},
      {"rope_scaling", R"({"rope_type": "llama3", "factor": 8.0})",
       "\"rope_scaling\" of type \"llama3\": \"low_freq_factor\" is missing"},
      {"rope_scaling", R"({"rope_type": "longrope", "short_factor": [1.0], "long_factor": [2.0]})",
       "\"short_factor\" is not a list of 2 numbers"},
      {"rope_scaling", R"({"factor": 2.0})", "\"rope_scaling\" with \"factor\""},
      {"rope_parameters", R"({"rope_type": "yarn", "rope_theta": 10000.0})",
       "\"rope_parameters\" of type \"yarn\": \"factor\" is missing"},
      {"rope_parameters", R"({"full_attention": {"rope_type": "default"}})",
       "\"rope_parameters\" with \"full_attention\""},
      {"rope_parameters", R"({"rope_type": "default", "partial_rotary_factor": 0.5})",
       "\"partial_rotary_factor\" = 0.5"},
      {"rope_parameters", "7", "\"rope_parameters\" is not a table"},
      {"rope_local_base_freq", "10000.0", "\"rope_local_base_freq\" = 10000.0"},
      {"rope_interleaved", "true", "\"rope_interleaved\" = true"},
      {"partial_rotary_factor", "0.5", "\"partial_rotary_factor\""},
      {"sliding_window", "4096", "\"sliding_window\" = 4096"},
      {"use_sliding_window", "true", "\"use_sliding_window\" = true"},
      {"layer_types", R"(["full_attention", "sliding_attention"])", "\"layer_types\""},
      {"no_rope_layers", "[1, 0]", "\"no_rope_layers\""},
      {"embedding_multiplier", "12.0", "\"embedding_multiplier\" = 12.0"},
      {"residual_multiplier", "0.22", "\"residual_multiplier\" = 0.22"},
      {"attention_multiplier", "0.015625", "\"attention_multiplier\""},
      {"lm_head_multiplier", "0.5", "\"lm_head_multiplier\""},
      {"logits_scaling", "8.0", "\"logits_scaling\" = 8.0"},
      {"final_logit_softcapping", "30.0", "\"final_logit_softcapping\""},
      {"query_pre_attn_scalar", "144", "\"query_pre_attn_scalar\""},
      {"qk_norm", "true", "\"qk_norm\" = true"},
      {"layer_norm_eps", "1e-5", "\"layer_norm_eps\""},
      {"num_local_experts", "8", "\"num_local_experts\" = 8"},
      {"quantization_config", R"({"quant_method": "gptq"})", "\"quantization_config\""},
      {"hidden_dropout", "0.1", "\"hidden_dropout\" = 0.1"},
      {"resid_pdrop", "0.1", "\"resid_pdrop\""},
      {"is_encoder_decoder", "true", "\"is_encoder_decoder\""},
      {"pruned_heads", R"({"0": [1]})", "\"pruned_heads\""},
      {"num_kv_heads", "1", "\"num_kv_heads\" = 1"},
      {"hidden_size", "9", "\"hidden_size\" does not divide"},
      {"rope_theta", "0", "\"rope_theta\" must be positive"},
      {"rms_norm_eps", "-1", "\"rms_norm_eps\" must not be negative"},
      {"num_hidden_layers", "1000000000", "\"num_hidden_layers\" = 1000000000 is more than"},
      {"intermediate_size", "[1, 2]", "\"intermediate_size\" is not a number"},
  };
  for (const Case& each : cases)
    EXPECT_THAT(fault(each.key, each.value), AllOf(HasSubstr("config.json"), HasSubstr(each.words)))
        << each.key;
}

TEST(Llama, WhatSaysWhatALlamaDoesAnywayIsNoFault) {
  const Case cases[] = {
      {"hidden_act", "\"swish\"", ""},
      {"attention_bias", "true", ""},
      {"mlp_bias", "true", ""},
      {"rope_scaling", R"({"type": "linear", "factor": 2.0})", ""},
      {"attention_dropout", "0.5", ""},  // of training alone, which is refused there
      {"rope_scaling", "null", ""},
      {"rope_scaling", R"({"type": "default"})", ""},
      {"rope_parameters",
       R"({"rope_type": "default", "rope_theta": 500000.0, "partial_rotary_factor": 1.0})", ""},
      {"sliding_window", "null", ""},
      {"layer_types", R"(["full_attention"])", ""},
      {"no_rope_layers", "[1]", ""},
      {"embedding_multiplier", "1.0", ""},
      {"attention_multiplier", "0.5", ""},  // 1 / sqrt(4)
      {"pruned_heads", "{}", ""},
      {"quantization_config", "null", ""},
      {"num_experts", "0", ""},
      {"rope_interleaved", "false", ""},
      {"transformers.js_config", R"({"dtype": "q4"})", ""},
      {"sep_token_id", "3", ""},
      {"head_dim", "null", ""},
  };
  for (const Case& each : cases)
    EXPECT_EQ(fault(each.key, each.value), "") << each.key << " " << each.value;
  Json window = config();
  window["sliding_window"] = 4096;
  window["use_sliding_window"] = false;
  EXPECT_EQ(fault(window), "");
}

TEST(Llama, KeysThatAreNotKnownAreWarnedAbout) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(fault("made_up", "7"), "");
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("org.slipway.model.llama"), HasSubstr("\"made_up\"")));
  testing::internal::CaptureStderr();
  EXPECT_EQ(fault("max_length", "20"), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "a default of generation";
}

}  // namespace
}  // namespace slipway
