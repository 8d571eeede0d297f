// Shards: the files that transformers' save_pretrained writes, bit for bit
// (tests/parity/record_resume.py), and sizes as text.
#include "weights/shards.h"

#include <numeric>

#include "weights/model_folder.h"
#include "weights_files.h"

namespace slipway {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

const fs::path kResumeData = "tests/parity/data/resume";

// The tensors of a safetensors file, by name; their values lie in `values`.
std::vector<FloatTensor> tensors_of(const Safetensors& file,
                                    std::vector<std::vector<float>>& values) {
  std::vector<FloatTensor> out;
  for (const TensorInfo& tensor : file.tensors()) {
    values.push_back(decoded(tensor));
    out.push_back({tensor.name, tensor.shape, nullptr});
  }
  for (size_t i = 0; i < out.size(); ++i) out[i].data = values[i].data();
  return out;
}

TEST(Shards, AreThoseOfThePeer) {
  const Json record = parse_json(read_file(kResumeData / "record.json"), "record.json");
  const Safetensors whole(kResumeData / "model" / "model.safetensors");
  std::vector<std::vector<float>> values;
  const std::vector<Shard> shards = cut_into_shards(
      tensors_of(whole, values), bytes_of_size(record.at("max_shard_size").get<std::string>()));
  const fs::path folder = scratch();
  for (const Shard& shard : shards) write_safetensors(folder / shard.name, shard.tensors);
  write_bytes(folder / "model.safetensors.index.json", shard_index(shards).dump(2) + "\n");
  ASSERT_EQ(record.at("shards").size(), shards.size() + 1);
  for (const auto& [name, hash] : record.at("shards").items()) {
    ASSERT_TRUE(fs::exists(folder / name)) << name;
    EXPECT_EQ(sha256_of_file(folder / name), hash.get<std::string>()) << name;
    EXPECT_TRUE(is_weights_file(name));
  }
}

TEST(Shards, OneThatHoldsAllIsThePeersFile) {
  const fs::path theirs = kResumeData / "model" / "model.safetensors",
                 ours = scratch() / "model.safetensors";
  const Safetensors whole(theirs);
  std::vector<std::vector<float>> values;
  const std::vector<Shard> shards =
      cut_into_shards(tensors_of(whole, values), bytes_of_size("50GB"));
  ASSERT_EQ(shards.size(), 1u);
  EXPECT_EQ(shards[0].name, "model.safetensors");
  write_safetensors(ours, shards[0].tensors);
  EXPECT_EQ(read_file(ours), read_file(theirs));
}

TEST(Shards, ReadBackAsOneModel) {
  const fs::path folder = scratch();
  std::vector<float> values(60);
  std::iota(values.begin(), values.end(), 0.0f);
  const std::vector<Shard> shards = cut_into_shards({{"a", {10}, values.data()},
                                                     {"b", {40}, values.data() + 10},
                                                     {"c", {10}, values.data() + 50}},
                                                    80);
  std::vector<std::string> held;
  for (const Shard& shard : shards) {
    std::string names;
    for (const FloatTensor& tensor : shard.tensors) names += tensor.name;
    held.push_back(names);
    write_safetensors(folder / shard.name, shard.tensors);
  }
  // what is too large for a shard has one of its own
  EXPECT_THAT(held, testing::ElementsAre("b", "ac"));
  write_bytes(folder / "model.safetensors.index.json", shard_index(shards).dump());
  write_bytes(folder / "config.json", "{}");
  const ModelWeights read = open_weights(folder);
  std::vector<float> b(40);
  read.read("b", b.data(), 40);
  EXPECT_EQ(b[39], 49.0f);
}

TEST(Shards, SizesAreText) {
  EXPECT_EQ(bytes_of_size("5GB"), 5'000'000'000);
  EXPECT_EQ(bytes_of_size("1.5 mb"), 1'500'000);
  EXPECT_EQ(bytes_of_size("2TB"), 2'000'000'000'000);
  for (const char* text :
       {"", "GB", "5", "5G", "5GiB", "-1GB", "5XB", "five GB", "1e30TB", "0KB", "nanKB"})
    EXPECT_THAT([&] { bytes_of_size(text); }, ThrowsMessage<Error>(HasSubstr("is not a size")))
        << text;
}

TEST(Shards, FilesOfWeightsAreKnown) {
  for (const char* name : {"model-00001-of-00002.safetensors", "model.safetensors",
                           "model.safetensors.index.json", "adapter_model.safetensors"})
    EXPECT_TRUE(is_weights_file(name)) << name;
  for (const char* name : {"model-1.safetensors", "model-00001-of-x.safetensors",
                           "optimizer.safetensors", "model-.safetensors"})
    EXPECT_FALSE(is_weights_file(name)) << name;
}

}  // namespace
}  // namespace slipway
