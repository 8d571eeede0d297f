// Commands as main() calls them, as far as they go without a run.
#include "app/commands.h"

#include <algorithm>
#include <sstream>

#include "app/command_line.h"
#include "app/command_table.h"
#include "config/schema.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// What a command prints to standard output; it must succeed.
std::string printed(int (*command)(const Arguments&), const Arguments& arguments) {
  testing::internal::CaptureStdout();
  try {
    EXPECT_EQ(command(arguments), kExitOk);
  } catch (const Error& e) {
    ADD_FAILURE() << e.what();
  }
  std::fflush(stdout);
  return testing::internal::GetCapturedStdout();
}

std::string usage_error(int (*command)(const Arguments&), const Arguments& arguments) {
  try {
    command(arguments);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "";
}

TEST(PluginCommand, ListsWhatIsThereAndWhyTheRestIsNot) {
  const fs::path folder = scratch();
  fs::copy_file(fs::path(SLIPWAY_PLUGINS) / "length.so", folder / "length.so");
  write_file_durably(folder / "broken.so", "no library");
  const std::string text = printed(plugin_command, {"list", "--plugin-path", folder.string()});
  EXPECT_THAT(text, AllOf(HasSubstr("reward    length          1.0.0   How long "),
                          HasSubstr("rejected  " + (folder / "broken.so").string() + ": ")));
  const Json json = parse_json(
      printed(plugin_command, {"list", "--json", "--plugin-path", folder.string()}), "list");
  ASSERT_EQ(json["plugins"].size(), 1u);
  EXPECT_EQ(json["plugins"][0]["id"], "org.slipway.reward.length");
  EXPECT_EQ(json["plugins"][0]["file"], (folder / "length.so").string());
  ASSERT_EQ(json["rejected"].size(), 1u);
  EXPECT_EQ(json["rejected"][0]["file"], (folder / "broken.so").string());
}

TEST(PluginCommand, ShowsAPluginsOptions) {
  const std::string text =
      printed(plugin_command, {"info", "length", "--plugin-path", SLIPWAY_PLUGINS});
  EXPECT_THAT(text, AllOf(HasSubstr("org.slipway.reward.length 1.0.0 (reward)"),
                          HasSubstr("slipway.reward/1"),
                          HasSubstr("  target (a whole number, default 100, at least 1)"),
                          HasSubstr("  mode (text, default \"near\": longer | shorter | near)")));
  const Json json = parse_json(
      printed(plugin_command,
              {"info", "org.slipway.reward.length", "--json", "--plugin-path", SLIPWAY_PLUGINS}),
      "info");
  EXPECT_EQ(json["options"].size(), 3u);
  EXPECT_EQ(json["options"][2]["minimum"], "1");
  EXPECT_THAT(
      error_of([] { plugin_command({"info", "lenght", "--plugin-path", SLIPWAY_PLUGINS}); }),
      HasSubstr("\"length\""));
}

TEST(PluginCommand, WithoutAWordItSaysItsUsage) {
  for (const Arguments& arguments : {Arguments{}, Arguments{"lsit"}})
    EXPECT_THAT(usage_error(plugin_command, arguments), HasSubstr("usage: slipway plugin list"));
  EXPECT_THAT(usage_error(plugin_command, {"info"}), HasSubstr("ID is missing"));
  EXPECT_THAT(printed(plugin_command, {"--help"}), HasSubstr("--plugin-path DIR"));
}

TEST(ConfigCommand, ExplainsKeysAndNamesFaults) {
  const std::string help = printed(config_command, {"help"});
  EXPECT_THAT(help, AllOf(HasSubstr("learning_rate"), HasSubstr("samples_per_prompt")));
  EXPECT_THAT(usage_error(config_command, {}), HasSubstr("usage: slipway config check FILE"));
  EXPECT_THAT(usage_error(config_command, {"check"}), HasSubstr("FILE is missing"));
  EXPECT_THAT(printed(config_command, {"--help"}), HasSubstr("check FILE"));
  const fs::path file = scratch() / "run.toml";
  write_file_durably(file, "[train]\nlearning_rat = 1e-5\n");
  EXPECT_THAT(error_of([&] { config_command({"check", file.string()}); }),
              AllOf(HasSubstr("run.toml:2"), HasSubstr("learning_rate")));
}

TEST(TrainCommand, HelpNeedsNoFileARunDoes) {
  EXPECT_EQ(usage_error(train_command, {}), "FILE is missing\nusage: slipway train FILE [options]");
  EXPECT_THAT(usage_error(train_command, {"--resume", "a.toml"}),
              HasSubstr("\"a.toml\" was taken as the value of --resume"));
  EXPECT_THAT(usage_error(train_command, {"a.toml", "b.toml"}), HasSubstr("too many arguments"));
  EXPECT_THAT(usage_error(train_command, {"a.toml", "--resum"}), HasSubstr("--resume"));
  EXPECT_THAT(printed(train_command, {"--help"}),
              AllOf(HasSubstr("--set KEY=VALUE"), HasSubstr("--resume")));
  EXPECT_EQ(printed(train_command, {"--help-config"}), printed(config_command, {"help"}));
  EXPECT_THAT(error_of([] { train_command({"nowhere.toml"}); }), HasSubstr("nowhere.toml"));
}

TEST(GenerateCommand, WrongNumbersAreRefusedBeforeAnythingIsRead) {
  const auto error = [](const char* argument) {
    return usage_error(generate_command, {"--model", "nowhere", "--prompt", "x", argument});
  };
  EXPECT_EQ(error("--temperature=-1"), "--temperature must not be negative");
  EXPECT_EQ(error("--temperature=nan"), "--temperature is \"nan\", a number is needed");
  EXPECT_EQ(error("--top-p=-0.1"), "--top-p must lie in [0, 1]");
  EXPECT_EQ(error("--top-p=1.01"), "--top-p must lie in [0, 1]");
  EXPECT_EQ(error("--top-p=nan"), "--top-p is \"nan\", a number is needed");
  EXPECT_EQ(error("--top-k=-1"), "--top-k must not be negative");
  EXPECT_EQ(error("--samples=0"), "--samples must be at least 1");
  EXPECT_EQ(error("--samples=3000000000"), "--samples is 3000000000, at most 1000000 is allowed");
  EXPECT_EQ(error("--max-new-tokens=0"), "--max-new-tokens must be at least 1");
  EXPECT_THAT(usage_error(generate_command, {"--prompt", "x"}), HasSubstr("--model is missing"));
  EXPECT_EQ(error_of([] { generate_command({"--model", "nowhere", "--prompt", "x"}); }),
            "--model nowhere: no such file or folder");
}

TEST(SearchCommand, NeedsAFileWithASearch) {
  EXPECT_THAT(usage_error(search_command, {}), HasSubstr("FILE is missing"));
  const fs::path file = scratch() / "run.toml";
  write_file_durably(file, "[train]\nlearning_rate = 1e-5\n");
  EXPECT_THAT(error_of([&] { search_command({file.string()}); }), HasSubstr("has no [search]"));
}

// The lines of a help text before its options.
std::vector<std::string> told_by(const std::string& help) {
  std::vector<std::string> out;
  std::istringstream lines(help.substr(0, help.find("\noptions:")));
  for (std::string line; std::getline(lines, line);) out.push_back(line);
  return out;
}

TEST(Commands, TellWhatTheyDoInParagraphsThatFillTheirLines) {
  for (const Command& command : commands()) {
    const std::vector<std::string> lines = told_by(printed(command.run, {"--help"}));
    size_t words = 0;
    for (size_t i = 1; i < lines.size(); ++i) {
      words += static_cast<size_t>(std::ranges::count(lines[i], ' '));
      const std::string &line = lines[i - 1], &next = lines[i];
      if (line.empty() || next.empty() || next[0] == ' ' || line[0] == ' ' ||
          std::string_view(".:").find(line.back()) != std::string_view::npos)
        continue;
      EXPECT_GT(line.size() + 1 + std::min(next.find(' '), next.size()), 100u)
          << command.name << " breaks a line that is not full:\n"
          << line << "\n"
          << next;
    }
    EXPECT_GT(words, 20u) << command.name << " says too little of itself";
  }
}

TEST(Commands, EvaluationsSayWhatTheyTakeAndShowIt) {
  const std::pair<int (*)(const Arguments&), const char*> evaluations[] = {
      {evaluate_command, "\n  slipway evaluate runs/reviews\n"},
      {predict_command, "\n  slipway predict runs/reviews\n"}};
  for (const auto& [command, example] : evaluations)
    EXPECT_THAT(printed(command, {"--help"}),
                AllOf(HasSubstr(example),
                      HasSubstr("\n  - a run folder: the model that the run ended with"),
                      HasSubstr("\n  - any model: a weights folder, GGUF file or TorchScript")));
  EXPECT_THAT(printed(doctor_command, {"--help"}), HasSubstr("where training is slower"));
}

}  // namespace
}  // namespace slipway
