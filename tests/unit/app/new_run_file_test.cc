// Run files that `slipway new` writes.
#include "app/new_run_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/check_keys.h"
#include "config/schema.h"
#include "config/toml.h"

namespace slipway {
namespace {

TEST(NewRunFile, IsGoodAndExplainsItsKeys) {
  for (const bool raft : {false, true}) {
    NewRun run{raft, "runs/x", "llama", "a \"model\"", "rows.jsonl", 500, {}};
    if (raft) run.rewards = {{"length", 0.5}, {"sentiment", 1.0}};
    const std::string text = new_run_file(run);
    const CheckedKeys checked = check_keys(parse_toml(text, "x.toml"), nullptr);
    EXPECT_THAT(checked.faults, testing::IsEmpty()) << text;
    EXPECT_EQ(checked.tree.find("model")->find("weights")->s, "a \"model\"");
    EXPECT_EQ(checked.tree.find("data")->find("eval_rows")->i, 50);
    if (raft) {
      EXPECT_EQ(checked.tree.find("reward")->items[0].find("weight")->number(), 0.5);
    }
  }
}

TEST(NewRunFile, FewRowsAreAllTrainedOn) {
  const std::string text = new_run_file({true, "o", "llama", "m", "d", 5, {{"length", 1.0}}});
  EXPECT_THAT(text, testing::HasSubstr("prompts_per_iteration = 5\n"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("eval_rows")));
}

TEST(NewRunFile, AShortRunShowsItsLossToo) {
  const auto logged = [](int64_t rows) {
    const std::string text = new_run_file({false, "o", "llama", "m", "d", rows, {}});
    return check_keys(parse_toml(text, "x.toml"), nullptr)
        .tree.find("train")
        ->find("logging_steps")
        ->number();
  };
  EXPECT_EQ(logged(6), 1);    // of 3 steps
  EXPECT_EQ(logged(100), 3);  // of 36
  EXPECT_EQ(logged(5000), 10);
}

TEST(NewRunFile, ColumnsOfOtherNamesStandInIt) {
  NewRun run{false, "o", "llama", "m", "d", 5, {}, "question", "reply"};
  const CheckedKeys checked = check_keys(parse_toml(new_run_file(run), "x.toml"), nullptr);
  EXPECT_THAT(checked.faults, testing::IsEmpty());
  EXPECT_EQ(checked.tree.find("data")->find("prompt_column")->s, "question");
  EXPECT_EQ(checked.tree.find("data")->find("completion_column")->s, "reply");
}

TEST(NewRunFile, EveryLineThatSetsAKeyFollowsAComment) {
  const std::string text = new_run_file({false, "o", "llama", "m", "d", 100, {}});
  std::string before;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    EXPECT_LE(line.size(), 100u) << line;
    if (line.find(" = ") != std::string::npos && line[0] != '#') {
      EXPECT_TRUE(before.starts_with("# ")) << line;
    }
    before = line;
    at = end + 1;
  }
}

}  // namespace
}  // namespace slipway
