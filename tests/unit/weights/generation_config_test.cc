// generation_config.json: the model's own, or what transformers derives.
#include "weights/generation_config.h"

#include "weights_files.h"

namespace slipway {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

const fs::path kModel = "tests/parity/data/resume/model";

TEST(GenerationConfig, IsDerivedAsThePeerDerivesIt) {
  const Json config = parse_json(read_file(kModel / "config.json"), "config.json");
  Json theirs = parse_json(read_file(kModel / "generation_config.json"), "generation_config.json");
  EXPECT_EQ(nlohmann::json::parse(generation_config_of({}, config).dump()),
            nlohmann::json::parse(theirs.dump()));
}

TEST(GenerationConfig, LeavesOutWhatIsNull) {
  const Json out = generation_config_of(
      "model.gguf", {{"eos_token_id", 2}, {"pad_token_id", nullptr}, {"hidden_size", 8}});
  EXPECT_EQ(out, (Json{{"_from_model_config", true},
                       {"eos_token_id", 2},
                       {"output_attentions", false},
                       {"output_hidden_states", false},
                       {"use_cache", true}}));
}

TEST(GenerationConfig, OfTheFolderWins) {
  const fs::path folder = scratch();
  write_bytes(folder / "generation_config.json", R"({"temperature": 0.6, "eos_token_id": [1, 2]})");
  EXPECT_EQ(generation_config_of(folder, {{"eos_token_id", 2}}),
            (Json{{"temperature", 0.6}, {"eos_token_id", {1, 2}}}));
  write_bytes(folder / "generation_config.json", "[1]");
  EXPECT_THAT([&] { generation_config_of(folder, {}); },
              ThrowsMessage<Error>(HasSubstr("generation_config.json: is not a JSON object")));
}

TEST(GenerationConfig, EndTokensAreOneOrAList) {
  using testing::ElementsAre;
  const fs::path folder = scratch();
  EXPECT_THAT(end_tokens_of(folder), ElementsAre());
  EXPECT_THAT(end_tokens_of({}), ElementsAre());
  write_bytes(folder / "config.json", R"({"eos_token_id": 7})");
  EXPECT_THAT(end_tokens_of(folder), ElementsAre(7));
  EXPECT_THAT(end_tokens_of(folder / "config.json"), ElementsAre());
  write_bytes(folder / "generation_config.json", R"({"eos_token_id": [257, 259]})");
  EXPECT_THAT(end_tokens_of(folder), ElementsAre(257, 259));
  // as transformers has it, config.json does not count then
  write_bytes(folder / "generation_config.json", R"({"eos_token_id": null})");
  EXPECT_THAT(end_tokens_of(folder), ElementsAre());
  for (const char* wrong : {"\"</s>\"", "-1", "1.5", "[1, \"x\"]", "4294967296"}) {
    write_bytes(folder / "generation_config.json", fmt::format("{{\"eos_token_id\": {}}}", wrong));
    EXPECT_THAT([&] { end_tokens_of(folder); },
                ThrowsMessage<Error>(HasSubstr("generation_config.json: \"eos_token_id\" is")))
        << wrong;
  }
}

}  // namespace
}  // namespace slipway
