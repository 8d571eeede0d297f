// Results: the table and the files of Hugging Face's example scripts.
#include "record/results.h"

#include <cmath>

#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

// What transformers 5.23's log_metrics prints for the same numbers.
TEST(Results, TableIsSortedAndAligned) {
  EXPECT_EQ(results_table("train", {{"train_runtime", 3725.4567},
                                    {"epoch", 3.0},
                                    {"train_loss", 1.23456789},
                                    {"total_flos", 12345678901234.0},
                                    {"train_samples", 21},
                                    {"rate", 1e-7}}),
            "***** train metrics *****\n"
            "  epoch         =        3.0\n"
            "  rate          =        0.0\n"
            "  total_flos    =    11497GF\n"
            "  train_loss    =     1.2346\n"
            "  train_runtime = 1:02:05.45\n"
            "  train_samples =         21\n");
  EXPECT_EQ(results_table("eval", {{"eval_loss", NAN}, {"eval_runtime", 180061.5}}),
            "***** eval metrics *****\n  eval_loss    =                nan\n  eval_runtime = 2 "
            "days, 2:01:01.50\n");
}

TEST(Results, FilesMerge) {
  const fs::path folder = scratch();
  save_results(folder, "train", {{"train_loss", 0.5}, {"epoch", 1.0}});
  save_results(folder, "eval", {{"eval_loss", 0.25}, {"epoch", 2.0}});
  EXPECT_EQ(read_file(folder / "train_results.json"),
            "{\n    \"epoch\": 1.0,\n    \"train_loss\": 0.5\n}");
  EXPECT_EQ(read_file(folder / "all_results.json"),
            "{\n    \"epoch\": 2.0,\n    \"eval_loss\": 0.25,\n    \"train_loss\": 0.5\n}");
  write_file_durably(folder / "all_results.json", "[1]");
  EXPECT_THAT(error_of([&] { save_results(folder, "eval", {{"eval_loss", 1}}); }),
              testing::HasSubstr("all_results.json: is not a JSON object"));
}

TEST(Results, OfARunAreThoseOfItsFinalModel) {
  const fs::path folder = scratch();
  TrainerState state;
  state.log_history = {{{"loss", 1.0}, {"step", 2}},
                       {{"eval_news_loss", 3.0}, {"epoch", 1.0}, {"step", 2}},
                       {{"eval_notes_loss", 4.0}, {"epoch", 1.0}, {"step", 2}},
                       {{"eval_news_loss", 5.0}, {"epoch", 2.0}, {"step", 4}},
                       {{"train_runtime", 9.0}, {"train_loss", 0.75}, {"epoch", 2.0}, {"step", 4}}};
  save_run_results(folder, state, 2, {{"train_samples", 8}, {"eval_news_samples", 3}});
  EXPECT_EQ(parse_json(read_file(folder / "eval_results.json"), ""),
            Json({{"epoch", 1.0},
                  {"eval_news_loss", 3.0},
                  {"eval_news_samples", 3},
                  {"eval_notes_loss", 4.0}}));
  EXPECT_EQ(
      parse_json(read_file(folder / "train_results.json"), ""),
      Json({{"epoch", 2.0}, {"train_loss", 0.75}, {"train_runtime", 9.0}, {"train_samples", 8}}));
  fs::remove(folder / "eval_results.json");
  save_run_results(folder, state, 7, {{"eval_news_samples", 3}});  // a model that no evaluation saw
  EXPECT_FALSE(fs::exists(folder / "eval_results.json"));
}

}  // namespace
}  // namespace slipway
