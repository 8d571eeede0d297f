// Weights under Hugging Face's names: folders in one file or several, GGUF files, and what is said
// when something is missing.
#include "weights/model_folder.h"

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
  EXPECT_THAT(
      [&] { values(weights, "a.weigth"); },
      ThrowsMessage<Error>(AllOf(HasSubstr("no tensor \"a.weigth\""), HasSubstr("a.weight"))));
  EXPECT_THAT([&] { values(weights, "a.weight", 3); },
              ThrowsMessage<Error>(AllOf(HasSubstr("a.weight has 2 values, the model needs 3"),
                                         HasSubstr("belong together"))));
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
  EXPECT_THAT(
      [&] { open_weights(folder); },
      ThrowsMessage<Error>(HasSubstr("model.safetensors: differs from what the manifest says")));
}

TEST(ModelFolder, APlacingThatACrashInterruptedIsFinishedFirst) {
  const fs::path folder = scratch(), ready = folder / ".model.slipway-ready";
  fs::create_directory(ready);
  // new weights, and config.json is still to come
  write_shard(folder / "model.safetensors", {"a"}, 1);
  write_bytes(ready / "config.json", R"({"model_type":"llama"})");
  write_bytes(ready / ".order.json", R"({"last":"config.json","obsolete":[]})");
  EXPECT_EQ(values(open_weights(folder), "a"), (std::vector<float>{1, 2}));
  EXPECT_FALSE(fs::exists(ready));
}

TEST(ModelFolder, Shards) {
  const ModelWeights weights = open_weights(sharded(
      R"({"metadata":{},"weight_map":{"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors"}})"));
  EXPECT_EQ(weights.names.size(), 3u);
  EXPECT_EQ(values(weights, "b"), (std::vector<float>{3, 4}));
  EXPECT_EQ(values(weights, "c"), (std::vector<float>{5, 6}));
}

TEST(ModelFolder, WrongIndexIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"weight_map":{"a":"three.safetensors"}})", "shard \"three.safetensors\" is not there"},
      {R"({"weight_map":{"a":"one.safetensors","z":"two.safetensors"}})", "has no tensor \"z\""},
      {R"({"weight_map":{"a":"../one.safetensors"}})",
       "the shard of \"a\" is not a file in the folder: \"../one.safetensors\""},
      {R"({"weight_map":{"a":"/etc/passwd"}})", "is not a file in the folder"},
      {R"({"weight_map":{"a":".."}})", "is not a file in the folder: \"..\""},
      {R"({"weight_map":{"a":""}})", "is not a file in the folder"},
      {R"({"weight_map":{"a":"one.safetensors\u0000x"}})", "is not a file in the folder"},
      {R"({"weight_map":{"a":"x/../one.safetensors"}})", "is not a file in the folder"},
      {R"({"weight_map":{"a":3}})", "\"a\" names no file"},
      {R"({"weight_map":[]})", "has no \"weight_map\""},
      {R"({})", "has no \"weight_map\""},
      {R"([])", "has no \"weight_map\""},
      {R"({"weight_map":{"a":"one.safetensors","a":"two.safetensors"}})", "\"a\" occurs twice"},
      {"{", "not valid JSON"},
  };
  for (const auto& [index, words] : cases)
    EXPECT_THAT([&] { open_weights(sharded(index)); },
                ThrowsMessage<Error>(AllOf(HasSubstr(SLIPWAY_SCRATCH), HasSubstr(words))))
        << index;
}

TEST(ModelFolder, TensorInTwoShards) {
  const fs::path folder =
      sharded(R"({"weight_map":{"a":"one.safetensors","c":"two.safetensors"}})");
  write_shard(folder / "two.safetensors", {"c", "a"}, 1);
  EXPECT_THAT([&] { open_weights(folder); },
              ThrowsMessage<Error>(HasSubstr("tensor a occurs in two files")));
}

TEST(ModelFolder, MissingFilesAreNamed) {
  const fs::path folder = scratch();
  EXPECT_THAT([&] { open_weights(folder / "none"); },
              ThrowsMessage<Error>(HasSubstr("no such file or folder")));
  EXPECT_THAT([&] { open_weights(folder); },
              ThrowsMessage<Error>(AllOf(HasSubstr("no config.json"), HasSubstr(".gguf"))));
  write_bytes(folder / "config.json", "[]");
  EXPECT_THAT([&] { open_weights(folder); },
              ThrowsMessage<Error>(HasSubstr("config.json: is not a JSON object")));
  write_bytes(folder / "config.json", "{}");
  EXPECT_THAT([&] { open_weights(folder); },
              ThrowsMessage<Error>(HasSubstr("neither model.safetensors nor")));
  write_bytes(folder / "model.bin", "PK\x03\x04 not weights at all");
  EXPECT_THAT([&] { open_weights(folder / "model.bin"); },
              ThrowsMessage<Error>(HasSubstr("not a GGUF file")));
}

TEST(ModelFolder, OtherFormsAreNamed) {
  const auto refuses = [](const char* file, const char* words, bool config = true) {
    const fs::path folder = scratch();
    if (config) write_bytes(folder / "config.json", "{}");
    write_bytes(folder / file, "x");
    EXPECT_THAT([&] { open_weights(folder); },
                ThrowsMessage<Error>(AllOf(HasSubstr(folder.string()), HasSubstr(words))))
        << file;
  };
  refuses("adapter_model.safetensors", "adapters (LoRA)", false);
  refuses("adapter_model.bin", "adapter_config.json and adapter_model.safetensors", false);
  refuses("pytorch_model.bin", "pytorch_model.bin, a pickle");
  refuses("pytorch_model.bin.index.json", "safetensors");
  refuses("zero_to_fp32.py", "DeepSpeed");
  refuses("consolidated.00.pth", "config.json and model.safetensors", false);
  refuses("model.Q4_0.gguf", "holds model.Q4_0.gguf; name that file itself", false);
}

TEST(ModelFolder, AdaptersBesideAModelAreNotPassedOver) {
  const fs::path folder = scratch();
  write_bytes(folder / "config.json", "{}");
  write_bytes(folder / "adapter_config.json", "{}");
  write_shard(folder / "model.safetensors", {"a"}, 1);
  EXPECT_THAT([&] { open_weights(folder); }, ThrowsMessage<Error>(HasSubstr("holds both a model")));
}

TEST(ModelFolder, RotaryFrequenciesOfOlderFilesAreNoTensors) {
  const fs::path folder = scratch();
  write_bytes(folder / "config.json", "{}");
  write_shard(folder / "model.safetensors", {"a", "model.layers.0.self_attn.rotary_emb.inv_freq"},
              1);
  const ModelWeights weights = open_weights(folder);
  EXPECT_THAT(weights.names, testing::ElementsAre("a"));
  EXPECT_EQ(weights.tensors.size(), 1u);
}

TEST(ModelFolder, APackageBesideWeightsIsNeverOpened) {
  const fs::path folder = scratch();
  write_bytes(folder / "config.json", "{}");
  write_shard(folder / "model.safetensors", {"a"}, 1);
  write_bytes(folder / "model.pt2", "PK");
  EXPECT_EQ(open_weights(folder).program.string(), "");
  write_bytes(folder / "model.pt", "PK");
  EXPECT_EQ(open_weights(folder).program.filename().string(), "model.pt");
}

TEST(ModelFolder, ALoopOfLinksIsNamed) {
  const fs::path folder = scratch();
  fs::create_symlink("loop", folder / "loop");
  EXPECT_THAT([&] { open_weights(folder / "loop"); },
              ThrowsMessage<Error>(AllOf(HasSubstr("loop: "), HasSubstr("symbolic links"))));
  EXPECT_THAT([&] { program_at(folder / "loop"); },
              ThrowsMessage<Error>(HasSubstr("symbolic links")));
}

TEST(ModelFolder, SmolLm2) {
  const char* assets = std::getenv("SLIPWAY_ASSETS");
  const ModelWeights weights = open_weights(fs::path(assets != nullptr ? assets : "build/assets") /
                                            "SmolLM2-135M-Instruct.Q4_1.gguf");
  EXPECT_EQ(weights.config["hidden_size"], 576);
  EXPECT_EQ(weights.names.size(), 272u);
  EXPECT_THAT(weights.names, Contains("model.layers.29.mlp.down_proj.weight"));
  for (const std::string& name : weights.names) EXPECT_TRUE(name.starts_with("model.")) << name;
}

}  // namespace
}  // namespace slipway
