// Plugins of models: where they are looked for, what a model needs.
#include "api/load_model.h"

#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

Json tiny_config() {
  return Json::parse(
      R"({"hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 16})");
}

ModelSource tiny() { return {{}, tiny_config()}; }

TEST(LoadModel, FoldersThatAreNamedAreSearchedInTheirOrder) {
  // No plugins/ lies beside this test's program.
  EXPECT_THAT(plugin_folders({"b", "a"}), ElementsAre("b", "a"));
}

TEST(LoadModel, AModelIsCreatedFromItsConfiguration) {
  const Registry registry({SLIPWAY_PLUGINS});
  LoadedModel loaded = create_model(registry, "llama", {}, tiny(), {});
  EXPECT_EQ(loaded.config, tiny_config());
  EXPECT_STREQ(loaded.plugin->id(), "org.slipway.model.llama");
  EXPECT_EQ(loaded.model->info().vocab_size, 16);
  // Embedding and head 2 * 16 * 8, attention 4 * 8 * 8, feed-forward 3 * 8 * 12, norms 3 * 8.
  EXPECT_EQ(loaded.model->parameters().total_count(), 256 + 256 + 288 + 24);
}

TEST(LoadModel, WithoutANameTheModelTypeSaysWhichPluginItIs) {
  const Registry registry({SLIPWAY_PLUGINS});
  ModelSource source = tiny();
  source.origin = "some/config.json";
  EXPECT_EQ(model_plugin(registry, "auto", source), "llama");
  source.config["model_type"] = "qwen2";
  source.config["num_key_value_heads"] = source.config["num_attention_heads"];
  EXPECT_STREQ(create_model(registry, "auto", {}, source, {}).plugin->id(),
               "org.slipway.model.qwen2");
  EXPECT_THAT(error_of([&] { create_model(registry, "llama", {}, source, {}); }),
              HasSubstr("model_type \"qwen2\" is not supported (llama is)"));
  for (const char* type : {"\"qwen3_moe\"", "\"mixtral\"", "\"length\"", "7"}) {
    source.config["model_type"] = parse_json(type, "type");
    EXPECT_THAT(error_of([&] { create_model(registry, "auto", {}, source, {}); }),
                AllOf(HasSubstr("some/config.json: config.json: model_type " + std::string(type) +
                                " is not supported"),
                      HasSubstr("gemma2, ")));
  }
}

TEST(LoadModel, DropoutsThatTrainingWouldLeaveOutAreRefused) {
  const Registry registry({SLIPWAY_PLUGINS});
  ModelSource gpt2;
  gpt2.config = Json::parse(R"({"model_type": "gpt2", "n_embd": 8, "n_head": 2, "n_layer": 1,
                                "vocab_size": 16, "resid_pdrop": 0.0, "attn_pdrop": 0.0})");
  const LoadedModel loaded = create_model(registry, "auto", {}, gpt2, {});
  EXPECT_THAT(error_of([&] { check_trainable(loaded, gpt2); }),
              HasSubstr("\"embd_pdrop\" = 0.1: training without it would give another model"));
  gpt2.config["embd_pdrop"] = 0.0;
  EXPECT_EQ(error_of([&] { check_trainable(loaded, gpt2); }), "");
}

TEST(LoadModel, FaultsNameWhatIsMissing) {
  const Registry registry({SLIPWAY_PLUGINS});
  EXPECT_THAT(error_of([&] { create_model(registry, "lama", {"run.toml", 7}, tiny(), {}); }),
              AllOf(HasSubstr("run.toml:7"), HasSubstr("\"llama\"")));
  EXPECT_THAT(error_of([&] { create_model(registry, "length", {"run.toml", 7}, tiny(), {}); }),
              HasSubstr("org.slipway.reward.length is a reward plugin"));
  ModelSource headless = tiny();
  headless.config.erase("num_attention_heads");
  EXPECT_THAT(error_of([&] { create_model(registry, "llama", {}, headless, {}); }),
              HasSubstr("num_attention_heads"));
  headless.origin = "some/config.json";
  EXPECT_THAT(error_of([&] { create_model(registry, "llama", {}, headless, {}); }),
              testing::StartsWith("some/config.json: "));
}

TEST(LoadModel, SizesThatNoMachineHoldsAreRefusedBeforeAnyMemoryIsAskedFor) {
  const Registry registry({SLIPWAY_PLUGINS});
  ModelSource huge = tiny();
  huge.origin = "some/config.json";
  huge.config["intermediate_size"] = 1'000'000'000;
  huge.config["hidden_size"] = 100'000'000;
  EXPECT_THAT(
      error_of([&] { create_model(registry, "llama", {}, huge, {}); }),
      AllOf(HasSubstr("some/config.json: the weights alone need"), HasSubstr("GiB are free")));
}

TEST(LoadModel, ADropoutOfAttentionIsRefusedInTraining) {
  const Registry registry({SLIPWAY_PLUGINS});
  ModelSource source = tiny();
  const LoadedModel loaded = create_model(registry, "llama", {}, source, {});
  check_trainable(loaded, source);
  source.config["attention_dropout"] = 0.0;
  check_trainable(loaded, source);
  source.config["attention_dropout"] = 0.5;
  EXPECT_THAT(error_of([&] { check_trainable(loaded, source); }),
              HasSubstr("\"attention_dropout\" = 0.5"));
}

TEST(LoadModel, AModelThatOnlyWritesHasNoGradients) {
  const Registry registry({SLIPWAY_PLUGINS});
  const LoadedModel trained = create_model(registry, "llama", {}, tiny(), {}),
                    writes = create_model(registry, "llama", {}, tiny(), {}, /*trained=*/false);
  EXPECT_GT(trained.model->parameters().trainable_count(), 0);
  EXPECT_EQ(writes.model->parameters().trainable_count(), 0);
  EXPECT_EQ(writes.model->parameters().total_count(), trained.model->parameters().total_count());
  for (const FlatParameters::Group& group : writes.model->parameters().groups())
    EXPECT_FALSE(group.grads.defined());
  EXPECT_FALSE(writes.model->parameters().tensor(0).requires_grad());
}

}  // namespace
}  // namespace slipway
