// Words in files, beside each other, and in the documentation.
#include "config/sharding_words.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "base/files.h"
#include "config/accelerator_words.h"
#include "config/deepspeed_words.h"
#include "config/fsdp_words.h"
#include "config/run_config.h"
#include "tests/unit/config/train_section.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST(ShardingWords, TwoWaysOfSharingExcludeEachOther) {
  EXPECT_THAT(
      TrainSection("fsdp = \"full_shard\"\ndeepspeed = { zero_optimization = { stage = 2 } }")
          .faults,
      ElementsAre("run.toml:8: train.deepspeed stands beside train.fsdp in run.toml:7: each "
                  "says how a run is cut; leave one out"));
  EXPECT_THAT(TrainSection("fsdp = true\nsharded_ddp = \"simple\"").faults,
              ElementsAre(HasSubstr("train.fsdp stands beside train.sharded_ddp in run.toml:8")));
  EXPECT_THAT(TrainSection("fsdp = \"\"\ndeepspeed = { zero_optimization.stage = 2 }").faults,
              ElementsAre());
}

TEST(ShardingWords, ATableOfTheRunFileIsAConfiguration) {
  const TrainSection section("[train.deepspeed.zero_optimization]\nstage = 2\n");
  EXPECT_EQ(section["zero_stage"], "2");
  EXPECT_EQ(section.train.find("zero_stage")->where.text(), "run.toml:8");
  EXPECT_EQ(section["deepspeed"], "{zero_optimization = {stage = 2}}");
}

class WordFiles : public testing::Test {
 protected:
  WordFiles() {
    fs::create_directories(folder / "sub");
    write_file_durably(folder / "sub/ds.json",
                       "{\n  \"zero_optimization\": {\n    \"stage\": 2\n  }\n}\n");
    write_file_durably(folder / "sub/broken.json", "{\n  \"zero_optimization\": {\n");
    write_file_durably(folder / "t.txt", "a\n");
  }
  ~WordFiles() override { fs::remove_all(folder); }
  RunConfig read(const std::string& train, const std::vector<std::string>& overrides = {}) {
    faults.clear();
    return parse_run_config(
        "[run]\nalgorithm = \"sft\"\noutput_dir = \"x\"\n[data]\ntrain = "
        "[\"t.txt\"]\n[model]\nweights = \"sub\"\n[train]\n" +
            train,
        folder / "run.toml", overrides, nullptr, faults);
  }
  const fs::path folder =
      fs::temp_directory_path() / ("slipway-words-" + std::to_string(::getpid()));
  std::vector<std::string> faults;
};

TEST_F(WordFiles, APathLeadsFromTheRunFileAndItsLinesAreThePlaces) {
  const RunConfig config = read("deepspeed = \"sub/ds.json\"");
  EXPECT_THAT(faults, ElementsAre());
  EXPECT_EQ(config.integer("train", "zero_stage"), 2);
  EXPECT_EQ(config.get("train", "zero_stage").where.text(),
            (folder / "sub/ds.json").string() + ":3");
  read("deepspeed = \"sub/ds.json\"\nzero_stage = 1");
  EXPECT_THAT(faults,
              ElementsAre(testing::AllOf(StartsWith((folder / "sub/ds.json").string() + ":3: "),
                                         HasSubstr("but train.zero_stage = 1 stands in " +
                                                   (folder / "run.toml").string() + ":10"))));
}

TEST_F(WordFiles, OverridesMayNameThemAndContradictThem) {
  EXPECT_EQ(read("", {"train.deepspeed=" + (folder / "sub/ds.json").string()})
                .integer("train", "zero_stage"),
            2);
  EXPECT_EQ(read("", {R"(train.deepspeed={"zero_optimization": {"stage": 3}})"})
                .integer("train", "zero_stage"),
            3);
  EXPECT_THAT(faults, ElementsAre());
  read("deepspeed = \"sub/ds.json\"", {"train.zero_stage=1"});
  EXPECT_THAT(faults, ElementsAre(HasSubstr("but train.zero_stage = 1 stands in --set")));
}

TEST_F(WordFiles, WhatIsResolvedReadsBackWithoutTheFile) {
  const RunConfig config = read("deepspeed = \"sub/ds.json\"\nfsdp_config = \"\"\n");
  const std::string text = print_config(config);
  EXPECT_THAT(text, HasSubstr("deepspeed = {zero_optimization = {stage = 2}}"));
  fs::remove(folder / "sub/ds.json");
  const RunConfig again = parse_run_config(text, folder / "resolved.toml", {}, nullptr, faults);
  EXPECT_THAT(faults, ElementsAre());
  EXPECT_EQ(again.integer("train", "zero_stage"), 2);
}

TEST_F(WordFiles, AFileThatIsMissingOrBrokenIsAFaultWithItsPlace) {
  read("deepspeed = \"sub/dz.json\"");
  EXPECT_THAT(faults,
              ElementsAre(testing::AllOf(HasSubstr("run.toml:9: train.deepspeed = \"sub/dz.json\""),
                                         HasSubstr("did you mean \"ds.json\"?"))));
  read("deepspeed = \"sub/broken.json\"");
  EXPECT_THAT(faults,
              ElementsAre(testing::AllOf(HasSubstr("run.toml:9: train.deepspeed: "),
                                         HasSubstr("broken.json:"), HasSubstr("not valid JSON"))));
  read("deepspeed = 3");
  EXPECT_THAT(faults, ElementsAre(HasSubstr("is not a path or a table")));
}

// Whether some code of the page is, or begins or ends with, the last part of a word's name.
bool stands_in(const std::string& page, std::string name) {
  for (const char* end : {".*", ".enabled"})
    if (name.ends_with(end)) name.resize(name.size() - std::string(end).size());
  const std::string last = name.substr(name.rfind('.') + 1);
  for (const std::string& code :
       {"`" + last + "`", "." + last + "`", "`" + last + ".", "`" + last + " = "})
    if (page.find(code) != std::string::npos) return true;
  return false;
}

TEST(ShardingWords, EachStandsInTheDocumentation) {
  const std::string page = read_file("docs/sharding_words.md");
  std::vector<std::string> missing;
  for (const auto& words : {deepspeed_words(), fsdp_words(), accelerator_words()})
    for (const Word& word : words)
      if (!stands_in(page, word.name)) missing.emplace_back(word.name);
  EXPECT_THAT(missing, ElementsAre());
}

TEST(ShardingWords, ThoseThatAreNoKeysAreExplained) {
  EXPECT_THAT(sharding_word_help("sharded_ddp"), HasSubstr("zero_dp_3 is 3"));
  EXPECT_EQ(sharding_word_help("deepspeed"), "");
}

}  // namespace
}  // namespace slipway
