// The model card beside the one that transformers' TrainingSummary makes from the same run
// (tests/parity/record_events.py), and what is Slipway's own.
#include "record/model_card.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "config/schema.h"
#include "config/toml.h"
#include "tests/unit/largest.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// What stands under a heading, until the next one.
std::vector<std::string> under(const std::string& card, const std::string& heading) {
  std::vector<std::string> out;
  bool inside = false;
  for (const std::string& line : lines_of(card)) {
    if (line.starts_with("#")) inside = line == heading;
    else if (inside && !line.empty()) out.push_back(line);
  }
  return out;
}

std::vector<std::string> headings(const std::string& card) {
  std::vector<std::string> out;
  for (const std::string& line : lines_of(card))
    if (line.starts_with("#")) out.push_back(line);
  return out;
}

// The cells of a Markdown table, without the rule under its head.
std::vector<std::vector<std::string>> cells(const std::vector<std::string>& table) {
  std::vector<std::vector<std::string>> out;
  for (const std::string& line : table) {
    if (!line.starts_with("|") || line.starts_with("|:")) continue;
    std::vector<std::string>& row = out.emplace_back();
    for (size_t at = 1; at < line.size();) {
      const size_t bar = line.find('|', at), first = line.find_first_not_of(' ', at),
                   last = line.find_last_not_of(' ', bar - 1);
      row.push_back(first < bar ? line.substr(first, last - first + 1) : "");
      at = bar + 1;
    }
  }
  return out;
}

RunConfig config_of(const Json& train) {
  std::string text =
      "[run]\nalgorithm = \"sft\"\noutput_dir = \"run\"\n[data]\ntrain = [\"t\"]\n[train]\n";
  for (const auto& [name, value] : train.items())
    text += fmt::format("{} = {}\n", name, value.dump());
  RunConfig out;
  out.resolved = check_run_file(parse_toml(text, "run.toml"), nullptr);
  out.output_dir = "run";
  out.train_files = {"/data/train.jsonl"};
  return out;
}

TrainerState state_of(const Json& json) { return TrainerState::from_json(json, "events.json"); }

TEST(ModelCard, HasTheStructureOfTransformers) {
  const Json record = parse_json(read_file("tests/parity/data/events.json"), "events.json");
  double largest = 0;
  for (const auto& [name, run] : record["runs"].items()) {
    const Json& theirs = run["card"];
    const std::string card =
        model_card(config_of(run["train"]), state_of(run["state"]), Json::object());
    std::vector<std::string> expected;
    for (const Json& heading : theirs["headings"]) expected.push_back(heading.get<std::string>());
    // Without an evaluation they have a heading over nothing, and where tokens are counted they
    // lose the table: it ends at the first row with a "train_runtime", which is then every row of
    // training.
    const bool tabled = !theirs["eval_lines"].empty(),
               counted = run["train"].contains("include_num_input_tokens_seen");
    if (!tabled && !counted) std::erase(expected, "### Training results");
    if (counted) {
      EXPECT_EQ(cells(under(card, "### Training results")).at(0).back(), "Input Tokens Seen")
          << name;
    }
    EXPECT_EQ(headings(card), expected) << name;
    // Hyperparameters: theirs are all there, with the same values; the optimizer's line has other
    // words.
    Json ours = Json::object();
    for (const std::string& line : under(card, "### Training hyperparameters"))
      if (const size_t colon = line.find(": ");
          line.starts_with("- ") && colon != std::string::npos)
        ours[line.substr(2, colon - 2)] = line.substr(colon + 2);
    for (const auto& [key, value] : theirs["hyperparameters"].items()) {
      ASSERT_TRUE(ours.contains(key)) << name << ": " << key;
      const std::string text = ours[key].get<std::string>();
      if (key == "optimizer") {
        EXPECT_THAT(text, HasSubstr("betas=(0.9,0.999) and epsilon=1e-08"));
      } else if (value.is_number()) {
        largest = largest_of({largest, std::abs(std::stod(text) - value.get<double>())});
      } else {
        EXPECT_EQ(text, value.get<std::string>()) << name;
      }
    }
    if (tabled) {
      EXPECT_EQ(cells(under(card, "### Training results")),
                cells(lines_of(theirs["table"].get<std::string>())))
          << name;
    }
    const std::vector<std::string> title = under(card, "# run");
    for (const auto& [metric, value] : theirs["eval_results"].items())
      EXPECT_THAT(title,
                  testing::Contains(value.is_number_float()
                                        ? fmt::format("- {}: {:.4f}", metric, value.get<double>())
                                        : fmt::format("- {}: {}", metric, value.dump())))
          << name;
    EXPECT_THAT(card, HasSubstr("library_name: transformers\ntags:\n- generated_from_trainer\n"));
    EXPECT_THAT(card, HasSubstr("model-index:\n- name: run\n  results: []\n---\n"));
  }
  EXPECT_EQ(largest, 0);
}

TEST(ModelCard, SaysWhatItWasMadeFrom) {
  RunConfig config = config_of(Json::object());
  EXPECT_THAT(model_card(config, {}, Json::object()),
              HasSubstr("\nTrained from scratch by supervised fine-tuning on train.jsonl.\n"));
  const fs::path base = scratch() / "base";
  fs::create_directories(base);
  write_file_durably(base / "README.md",
                     "---\nlibrary_name: transformers\nlicense: apache-2.0\n---\nlicense: none of "
                     "the front matter\n");
  config.weights = base;
  const std::string card =
      model_card(config, {}, {{"_name_or_path", "HuggingFaceTB/SmolLM2-135M"}});
  EXPECT_THAT(card, HasSubstr("license: apache-2.0\nbase_model: HuggingFaceTB/SmolLM2-135M\n"));
  EXPECT_THAT(
      card,
      HasSubstr("[HuggingFaceTB/SmolLM2-135M](https://huggingface.co/HuggingFaceTB/SmolLM2-135M)"));
  EXPECT_THAT(model_card(config, {}, Json::object()),
              testing::AllOf(HasSubstr("A version of base that"), Not(HasSubstr("base_model:"))));
}

TEST(ModelCard, ForeignTextStaysText) {
  RunConfig config = config_of(Json::object());
  const fs::path base = scratch() / "foreign";
  fs::create_directories(base);
  write_file_durably(base / "README.md", "---\nlicense: mit # [x](y): {\n---\n");
  config.weights = base;
  const std::string card =
      model_card(config, {}, {{"_name_or_path", "x/y](http://e.org)\n# <script>"}});
  EXPECT_THAT(card, HasSubstr("license: \"mit # [x](y): {\"\n"));
  EXPECT_THAT(card,
              HasSubstr("A version of x/y\\](http://e.org) # \\<script\\> that was trained by"));
  EXPECT_THAT(card, Not(HasSubstr("base_model:")));
  EXPECT_THAT(model_card(config, {}, {{"_name_or_path", 5}}),
              HasSubstr("A version of foreign that"));
}

TEST(ModelCard, ReportsMetricsToTheModelIndex) {
  TrainerState state;
  state.log_history.push_back({{"loss", 2.0}, {"epoch", 0.5}, {"step", 1}});
  state.log_history.push_back({{"eval_loss", 1.5},
                               {"eval_token_accuracy", 0.123456},
                               {"eval_runtime", 2.0},
                               {"epoch", 1.0},
                               {"step", 2}});
  const std::string card = model_card(config_of(Json::object()), state, Json::object());
  EXPECT_THAT(card,
              HasSubstr("      type: text-generation\n    dataset:\n      name: train.jsonl\n      "
                        "type: train\n    metrics:\n    - name: \"Token Accuracy\"\n      type: "
                        "token_accuracy\n      value: 0.123456\n---\n"));
  EXPECT_THAT(under(card, "# run"),
              testing::IsSupersetOf({"- Loss: 1.5", "- Token Accuracy: 0.1235"}));
  EXPECT_THAT(cells(under(card, "### Training results")),
              ElementsAre(ElementsAre("Training Loss", "Epoch", "Step", "Validation Loss",
                                      "Token Accuracy"),
                          ElementsAre("2.0", "1.0", "2", "1.5", "0.1235")));
}

TEST(ModelCard, OfEachRewardItHasTheMeanWhereThereIsOne) {
  TrainerState state;
  state.log_history.push_back({{"event", "evaluate"},
                               {"eval_reward", 0.5},
                               {"eval_rewards/a/mean", 0.25},
                               {"eval_rewards/a/std", 0.125},
                               {"eval_rewards/b/mean", std::nan("")},
                               {"epoch", 1.0},
                               {"step", 2}});
  const std::string card = model_card(config_of(Json::object()), state, Json::object());
  EXPECT_THAT(card, testing::AllOf(HasSubstr("type: rewards/a/mean\n      value: 0.25\n"),
                                   Not(HasSubstr("rewards/a/std")), Not(HasSubstr("rewards/b"))));
}

TEST(ModelCard, WhatAPersonTookOverStays) {
  const fs::path folder = scratch();
  write_model_card(folder, model_card(config_of(Json::object()), {}, Json::object()));
  const std::string first = read_file(folder / "README.md");
  write_file_durably(folder / "README.md", first + "more");
  write_model_card(folder, first);
  EXPECT_EQ(read_file(folder / "README.md"), first);
  write_file_durably(folder / "README.md", "# Mine\n");
  write_model_card(folder, first);
  EXPECT_EQ(read_file(folder / "README.md"), "# Mine\n");
}

}  // namespace
}  // namespace slipway
