// Names that a run logs, before it does.
#include "api/check_metric.h"

#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::HasSubstr;

RunConfig run_with(const std::string& algorithm, const std::string& more) {
  const fs::path folder = scratch();
  write_file_durably(folder / "rows.jsonl", "{\"text\": \"a\"}\n");
  const std::string reward = algorithm == "raft" ? "[[reward]]\nuse = \"org.x.length\"\n" : "";
  return parse_run_config("[run]\nalgorithm = \"" + algorithm +
                              "\"\noutput_dir = \"o\"\n[model]\nweights = \".\"\n[data]\ntrain = "
                              "\"rows.jsonl\"\n" +
                              more + reward,
                          folder / "run.toml", {}, nullptr);
}

TEST(MetricFault, OfSft) {
  const RunConfig c = run_with("sft", "eval_rows = 1\n[train]\neval_strategy = \"epoch\"\n");
  for (const char* name : {"loss", "train_loss", "eval_loss", "eval_runtime", "grad_norm"})
    EXPECT_EQ(metric_fault(c, name), "") << name;
  EXPECT_EQ(metric_fault(c, "eval_lss"),
            "the run logs no \"eval_lss\", did you mean \"eval_loss\"?");
  EXPECT_EQ(metric_fault(c, "eval_reward"), "the run logs no \"eval_reward\"");
  EXPECT_THAT(metric_fault(c, "loos"), HasSubstr("did you mean \"loss\"?"));
}

TEST(MetricFault, OfNamedSetsAndMetricPlugins) {
  const RunConfig c = run_with("sft",
                               "eval = { news = \"rows.jsonl\" }\n[train]\neval_strategy = "
                               "\"epoch\"\n[[metric]]\nuse = \"f1\"\nprefix = \"micro_\"\n");
  EXPECT_EQ(metric_fault(c, "eval_news_loss"), "");
  EXPECT_EQ(metric_fault(c, "eval_news_micro_f1"), "");
  EXPECT_THAT(metric_fault(c, "eval_loss"), HasSubstr("logs no"));
  EXPECT_THAT(metric_fault(c, "eval_news_f1"), HasSubstr("logs no"));
  const RunConfig any = run_with(
      "sft", "eval_rows = 1\n[train]\neval_strategy = \"epoch\"\n[[metric]]\nuse = \"f1\"\n");
  EXPECT_EQ(metric_fault(any, "eval_f1"), "");
  EXPECT_THAT(metric_fault(any, "eval_lsos"), HasSubstr("did you mean \"eval_loss\"?"));
}

TEST(MetricFault, OfRaft) {
  const RunConfig c = run_with("raft", "eval_rows = 1\n");
  for (const char* name :
       {"eval_reward", "reward_mean", "rewards/length/mean", "eval_rewards/length/std", "kl",
        "eval_distinct_2", "rewards/length-2/mean", "rewards/length/words/mean", "length/seen"})
    EXPECT_EQ(metric_fault(c, name), "") << name;
  EXPECT_THAT(metric_fault(c, "eval_rewrad"), HasSubstr("did you mean \"eval_reward\"?"));
  EXPECT_THAT(metric_fault(c, "rewards/lenght/mean"),
              HasSubstr("did you mean \"rewards/length/mean\"?"));
  EXPECT_THAT(metric_fault(c, "eval_loss"), HasSubstr("logs no"));
}

TEST(MetricFault, WhereNothingIsEvaluatedItSaysWhatToSet) {
  EXPECT_EQ(metric_fault(run_with("raft", ""), "eval_reward"),
            "\"eval_reward\" is not logged: the run evaluates nothing: set data.eval or "
            "data.eval_rows");
  const RunConfig c = run_with("sft", "eval_rows = 1\n");
  EXPECT_EQ(metric_fault(c, "eval_loss"),
            "\"eval_loss\" is not logged: the run evaluates nothing: set train.eval_strategy");
  EXPECT_EQ(metric_fault(c, "eval_loss", {"train.eval_strategy"}), "");
}

}  // namespace
}  // namespace slipway
