// What of a configuration has changed: by meaning, not by spelling.
#include "api/recorded_config.h"

#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const char* const kRecorded =
    "# What ran. Reads back as a run file.\n# slipway 0.1.0\n# model plugin "
    "org.slipway.model.llama 1.0.0 sha256 aa\n# reward plugin org.x 1.0.0 sha256 bb\n\n"
    "[run]\nalgorithm = \"sft\"  # run.toml:2\noutput_dir = \"out\"  # run.toml:3\n\n"
    "[train]\nlearning_rate = 0.01  # run.toml:9\nlr_scheduler_kwargs = {num_cycles = 2, power = "
    "1.0}  # run.toml:10\nsave_total_limit = 0  # default\n\n"
    "[[reward]]\nuse = \"x\"  # run.toml:20\noptions = {key = \"${A_KEY}\", target = 3}  # "
    "run.toml:21\n";

std::string changed(std::initializer_list<std::pair<std::string, std::string>> changes) {
  std::string out = kRecorded;
  for (const auto& [from, to] : changes) {
    const size_t at = out.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    out.replace(at, from.size(), to);
  }
  return out;
}

TEST(RecordedConfig, SpellingIsNoDifference) {
  EXPECT_THAT(differences(kRecorded, kRecorded), IsEmpty());
  EXPECT_THAT(differences(kRecorded, changed({{"run.toml:2", "../a/run.toml:7"},
                                              {"# run.toml:9", "# --set"},
                                              {"[train]", "\n\n[train]"},
                                              {"0.1.0\n", "0.1.0\n# machine other, 1 core\n"}})),
              IsEmpty());
  EXPECT_THAT(
      differences(kRecorded,
                  changed({{"{num_cycles = 2, power = 1.0}", "{power = 1.0, num_cycles = 2}"},
                           {"0.01", "1e-2"}})),
      IsEmpty());
  EXPECT_THAT(
      differences(kRecorded, changed({{"output_dir = \"out\"", "output_dir = \"/copy/out\""},
                                      {"save_total_limit = 0", "save_total_limit = 3"}})),
      IsEmpty());
  EXPECT_THAT(
      differences(kRecorded, changed({{"[train]",
                                       "[train]\ndeepspeed = {zero_optimization = {stage "
                                       "= 0, overlap_comm = true}}\nfsdp = \"no_shard\""}})),
      IsEmpty())
      << "what it became is told by other keys";
}

TEST(RecordedConfig, ValuesAreDifferences) {
  EXPECT_THAT(differences(kRecorded, changed({{"0.01", "1e-9"},
                                              {"target = 3", "target = 4"},
                                              {"num_cycles = 2", "num_cycles = 3"}})),
              UnorderedElementsAre("train.learning_rate was 0.01, is 1e-09",
                                   "reward[0].options.target was 3, is 4",
                                   "train.lr_scheduler_kwargs.num_cycles was 2, is 3"));
  EXPECT_THAT(differences(kRecorded, changed({{"${A_KEY}", "${B_KEY}"}})),
              ElementsAre("reward[0].options.key was \"${A_KEY}\", is \"${B_KEY}\""));
  EXPECT_THAT(differences(kRecorded, changed({{"learning_rate = 0.01  # run.toml:9\n",
                                               "learning_rate = 0.01\nseed = 42\n"}})),
              IsEmpty())
      << "a new key with its default";
  EXPECT_THAT(differences(kRecorded, changed({{"learning_rate = 0.01  # run.toml:9\n",
                                               "learning_rate = 0.01\nseed = 43\n"}})),
              ElementsAre("train.seed was not set, is 43"));
  EXPECT_THAT(differences(changed({{"learning_rate", "seed = 1\nlearning_rate"}}), kRecorded),
              ElementsAre("train.seed was 1, is not set"));
}

TEST(RecordedConfig, TwoNamesOfOneFileAreOneValue) {
  const fs::path folder = scratch();
  write_file_durably(folder / "a.jsonl", "x");
  write_file_durably(folder / "b.jsonl", "x");
  fs::create_symlink(folder / "a.jsonl", folder / "link.jsonl");
  const auto data = [&](const char* name) {
    return fmt::format("[data]\ntrain = [\"{}\"]\n", (folder / name).string());
  };
  EXPECT_THAT(differences(data("a.jsonl"), data("link.jsonl")), IsEmpty());
  EXPECT_EQ(differences(data("a.jsonl"), data("b.jsonl")).size(), 1u);
}

TEST(RecordedConfig, OtherProgramsAreDifferences) {
  EXPECT_THAT(differences(kRecorded, changed({{"sha256 aa", "sha256 cc"},
                                              {"slipway 0.1.0", "slipway 0.2.0"}})),
              UnorderedElementsAre(
                  "model plugin org.slipway.model.llama was 1.0.0 sha256 aa, is 1.0.0 sha256 cc",
                  "slipway was 0.1.0, is 0.2.0"));
  EXPECT_THAT(differences(changed({{"llama 1.0.0 sha256 aa", "llama"}}), kRecorded), IsEmpty())
      << "a version that was not recorded is not another one";
}

TEST(RecordedConfig, ADifferenceIsWarnedAboutOnceAndKept) {
  const fs::path folder = scratch(), file = folder / "config.resolved.toml";
  const auto run = [&](const std::string& rate, const RecordedStart& start) {
    const RunConfig c = load_run_config(
        "tests/e2e/tiny_sft.toml",
        {"train.learning_rate=" + rate, "run.output_dir=" + folder.string()}, nullptr);
    const Registry registry({SLIPWAY_PLUGINS});
    testing::internal::CaptureStderr();
    record_config(file, c, plan_plugins(registry, c), registry.find("llama", SLW_KIND_MODEL, {}),
                  start);
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(run("1e-3", {.begun_with = "/other/checkpoint-3", .resumed_from = {}}), "");
  const std::string first = read_file(file);
  EXPECT_THAT(
      first,
      testing::AllOf(testing::HasSubstr("\n# begun with /other/checkpoint-3\n"),
                     testing::ContainsRegex(
                         "\n# model plugin org.slipway.model.llama [0-9.]+ sha256 [0-9a-f]+\n")));
  EXPECT_EQ(run("1e-3", {.begun_with = {}, .resumed_from = folder / "checkpoint-9"}), "");
  EXPECT_EQ(read_file(file), first);
  EXPECT_THAT(run("2e-3", {.begun_with = {}, .resumed_from = folder / "checkpoint-9"}),
              testing::HasSubstr("train.learning_rate was 0.001, is 0.002"));
  EXPECT_THAT(
      read_file(file),
      testing::AllOf(testing::HasSubstr("\n# begun with /other/checkpoint-3\n# resumed from "
                                        "checkpoint-9: train.learning_rate was 0.001, is 0.002\n"),
                     testing::HasSubstr("learning_rate = 0.002")));
  EXPECT_EQ(run("2e-3", {.begun_with = {}, .resumed_from = folder / "checkpoint-12"}), "");
  EXPECT_EQ(load_run_config(file, {}, nullptr).number("train", "learning_rate"), 2e-3);
}

}  // namespace
}  // namespace slipway
