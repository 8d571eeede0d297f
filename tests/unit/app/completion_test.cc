// Completion scripts hold what the commands take. Whole-program use: tests/e2e/run_file_test.py.
#include "app/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/command_line.h"
#include "app/command_table.h"
#include "config/schema.h"

namespace slipway {
namespace {

using testing::HasSubstr;

TEST(Completion, EveryScriptKnowsEveryCommandOptionAndKey) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = completion_script(shell);
    for (const Command& command : commands()) EXPECT_THAT(script, HasSubstr(command.name)) << shell;
    for (const Key& key : run_schema())
      EXPECT_THAT(script, HasSubstr(fmt::format("{}.{}", key.section, key.name))) << shell;
    EXPECT_THAT(script, HasSubstr("print-config")) << shell;
    EXPECT_THAT(script, testing::Not(testing::ContainsRegex("@[A-Z]+@"))) << shell;
  }
  EXPECT_THROW(completion_script("tcsh"), Error);
}

TEST(CommandTable, EachTellsItsOptionsWithoutRunning) {
  for (const Command& command : commands()) {
    std::vector<std::string> verbs = words_of(command.verbs);
    if (verbs.empty()) verbs.emplace_back();
    for (const std::string& verb : verbs) {
      const CommandShape shape =
          shape_of([&] { (void)command.run(verb.empty() ? Arguments{} : Arguments{verb}); });
      ASSERT_FALSE(shape.options.empty()) << command.name << " " << verb;
      EXPECT_EQ(shape.options[0].name, "--help");
    }
  }
}

}  // namespace
}  // namespace slipway
