// The library's face: run files, a trainer with callbacks of the program, searches run by the
// program.
#include <cstring>
#include <set>

#include "api/machine.h"
#include "loop/run.h"
#include "record/checkpoint.h"
#include "record/recorded_values.h"
#include "slipway/host.h"
#include "slipway/slipway.hpp"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// tests/e2e/tiny_sft.toml, made shorter still, with its run folder among the test's own files.
RunFile tiny(Overrides more = {}) {
  Overrides all = {"run.output_dir=" + (scratch() / "run").string(),
                   fmt::format("plugins.path=[\"{}\"]", SLIPWAY_PLUGINS),
                   "data.limit=32",
                   "data.eval_rows=0",
                   "train.eval_strategy=no",
                   "train.max_steps=4",
                   "train.save_strategy=no"};
  all.insert(all.end(), more.begin(), more.end());
  return RunFile::load("tests/e2e/tiny_sft.toml", all);
}

struct Watch : TrainerCallback {
  std::string id() const override { return "org.example.watch"; }
  uint64_t events() const override { return 1u << SLW_ON_STEP_END | 1u << SLW_ON_TRAIN_END; }
  void on_event(const slw_event& event, uint32_t& control) override {
    if (event.type == SLW_ON_TRAIN_END) return void(++ends);
    EXPECT_EQ(event.state->flags & (SLW_STATE_LOCAL_ZERO | SLW_STATE_WORLD_ZERO),
              SLW_STATE_LOCAL_ZERO | SLW_STATE_WORLD_ZERO);
    losses.push_back(event.loss);
    if (event.state->global_step == stop_at) control |= SLW_DO_SAVE | SLW_STOP_TRAINING;
    if (losses.size() == throw_at) throw std::runtime_error("seen enough");
  }
  void attach(const slw_host* given) override { host = given; }
  std::string save() const override { return fmt::format("{} losses", losses.size()); }
  void load(const std::string& state) override { loaded = state; }

  std::vector<double> losses;
  size_t throw_at = 0;
  int64_t stop_at = -1;
  int ends = 0;
  std::string loaded;
  const slw_host* host = nullptr;
};

std::string weights_of(Trainer& trainer, const char* name) {
  const fs::path folder = fs::path(SLIPWAY_SCRATCH) / name;
  fs::remove_all(folder);
  trainer.save_model(folder);
  EXPECT_TRUE(fs::exists(folder / "config.json"));
  EXPECT_TRUE(fs::exists(folder / "tokenizer.json"));
  return read_file(folder / "model.safetensors");
}

TEST(RunFile, TextAndFileGiveTheSame) {
  const RunFile file = tiny();
  EXPECT_EQ(file.value("train.max_steps"), "4");
  EXPECT_EQ(file.value("train.learning_rate"), "0.003");
  EXPECT_EQ(file.output_dir().filename(), "run");
  EXPECT_THAT(file.text(), AllOf(HasSubstr("max_steps = 4  # --set"), HasSubstr("tiny_sft.toml:")));
  const RunFile text = RunFile::parse(file.source(), file.overrides(), "tests/e2e");
  EXPECT_EQ(text.file(), "");
  for (const char* key : {"train.max_steps", "model.config", "data.train", "train.seed"})
    EXPECT_EQ(text.value(key), file.value(key)) << key;
  EXPECT_THAT(error_of([&] { file.value("train.learning_rat"); }),
              HasSubstr("\"train.learning_rat\" is not a key"));
  EXPECT_THAT(error_of([&] { file.value("learning_rate"); }), HasSubstr("not a key"));
}

TEST(RunFile, FaultsAreOfTheConfiguration) {
  const auto code_of = [](const std::function<void()>& body) {
    try {
      body();
    } catch (const std::exception& failure) {
      return exit_code_of(failure);
    }
    return 0;
  };
  EXPECT_EQ(code_of([] { tiny({"train.learning_rat=1"}); }), kExitUsage);
  EXPECT_EQ(code_of([] { RunFile::load("nowhere.toml"); }), kExitUsage);
  EXPECT_EQ(code_of([] { RunFile::parse("[run\n"); }), kExitUsage);
  EXPECT_EQ(code_of([] { tiny({"train.eval_strategy=steps"}).check(); }), kExitUsage);
  EXPECT_EQ(code_of([] { tiny({"callback=[{use=\"lenght\"}]"}).check(); }), kExitUsage);
  EXPECT_EQ(code_of([] { throw Interrupted("stopped"); }), kExitInterrupted);
  EXPECT_EQ(code_of([] { fail("else"); }), kExitFailure);
  tiny().check();
}

TEST(GenerateOptions, OutOfRangeIsNamed) {
  const auto error = [](auto change) {
    GenerateOptions options;
    change(options);
    return error_of([&] { check(options); });
  };
  EXPECT_EQ(error([](GenerateOptions&) {}), "");
  EXPECT_EQ(error([](GenerateOptions& o) { o.temperature = NAN; }),
            "temperature must not be negative");
  EXPECT_EQ(error([](GenerateOptions& o) { o.top_p = -1; }), "top_p must lie in [0, 1]");
  EXPECT_EQ(error([](GenerateOptions& o) { o.weights = "int4"; }),
            "weights is \"int4\", one of float32 bfloat16 int8 is needed");
}

TEST(Trainer, EveryTrainIsARunOfItsOwnAndCallbacksSeeIt) {
  Trainer trainer(tiny());
  const auto watch = std::make_shared<Watch>();
  trainer.add_callback(watch);
  const std::string before = weights_of(trainer, "before");
  const TrainResult result = trainer.train();
  EXPECT_EQ(result.outcome, "completed");
  EXPECT_TRUE(result.completed);
  ASSERT_EQ(watch->losses.size(), 4u);
  EXPECT_EQ(watch->ends, 1);
  EXPECT_EQ(trainer.state().global_step, 4);
  EXPECT_EQ(trainer.state().max_steps, 4);
  // logging_steps = 1: each step's loss is a row, and the last of each name is in the result.
  EXPECT_EQ(trainer.state().log_history.at(1).at("loss"), watch->losses[1]);
  EXPECT_EQ(result.metrics.at("loss"), watch->losses[3]);
  EXPECT_GT(result.metrics.at("train_runtime"), 0);
  const std::string after = weights_of(trainer, "after");
  EXPECT_NE(after, before);

  ASSERT_EQ(trainer.remove_callback("org.example.watch"), watch);
  EXPECT_EQ(trainer.remove_callback("org.example.watch"), nullptr);
  trainer.train();
  EXPECT_EQ(watch->losses.size(), 4u) << "a callback that was removed heard of the run";
  EXPECT_EQ(weights_of(trainer, "again"), after)
      << "the second run began from the first one's weights";
}

// Looks at what the events name.
struct Reader : TrainerCallback {
  explicit Reader(uint64_t wanted) : events_(wanted) {}
  std::string id() const override { return "org.example.reader"; }
  uint64_t events() const override { return events_; }
  void on_event(const slw_event& event, uint32_t&) override {
    const char* path = event.type == SLW_ON_SAVE ? event.path : event.state->best_model_checkpoint;
    if (path == nullptr) return;
    EXPECT_NO_THROW(verify_checkpoint(path)) << event.type << " " << event.state->global_step;
    seen.insert(fs::path(path).filename().string());
  }
  const uint64_t events_;
  std::set<std::string> seen;
};

TEST(Trainer, TellsWhatProductsRoundTo) {
  Trainer plain(tiny({"train.max_steps=1"}));
  EXPECT_FALSE(plain.state().do_grad_scaling);
  plain.train();
  EXPECT_FALSE(plain.state().use_cpu_amp || plain.state().use_cuda_amp);
  EXPECT_FALSE(plain.state().do_grad_scaling);
  EXPECT_EQ(plain.state().loss_scale, 1);
  Trainer half(tiny({"train.max_steps=2", "train.fp16=true",
                     "train.grad_scaler_kwargs={ init_scale = 256, growth_interval = 2 }"}));
  half.train();
  EXPECT_TRUE(half.state().use_cpu_amp && half.state().do_grad_scaling);
  EXPECT_FALSE(half.state().use_cuda_amp);
  EXPECT_EQ(half.state().loss_scale, 512);
}

TEST(Trainer, CallbacksFindTheCheckpointsThatTheyAreToldOf) {
  const auto seen = [&](uint64_t events) {
    Trainer trainer(tiny({"train.save_strategy=steps", "train.save_steps=1", "train.eval_steps=1",
                          "train.eval_strategy=steps", "data.eval_rows=2",
                          "train.load_best_model_at_end=true"}));
    const auto reader = std::make_shared<Reader>(events);
    trainer.add_callback(reader);
    trainer.train();
    return reader->seen;
  };
  EXPECT_THAT(seen(1u << SLW_ON_SAVE),
              ElementsAre("checkpoint-1", "checkpoint-2", "checkpoint-3", "checkpoint-4"));
  // the loss falls: each evaluation is the best so far
  EXPECT_THAT(seen(1u << SLW_ON_STEP_BEGIN),
              ElementsAre("checkpoint-1", "checkpoint-2", "checkpoint-3"));
}

TEST(Trainer, StopsAndGoesOnWithTheCallbacksState) {
  Trainer whole(tiny());
  whole.train();
  const std::string expected = weights_of(whole, "whole");

  Trainer trainer(tiny());
  const auto watch = std::make_shared<Watch>();
  watch->stop_at = 2;
  trainer.add_callback(watch);
  const TrainResult stopped = trainer.train();
  EXPECT_EQ(stopped.outcome, "stopped: a callback asked for it");
  EXPECT_FALSE(stopped.completed);
  EXPECT_EQ(trainer.state().global_step, 2);
  watch->stop_at = -1;
  TrainOptions on;
  on.resume = "true";
  EXPECT_TRUE(trainer.train(on).completed);
  EXPECT_EQ(watch->loaded, "2 losses");
  EXPECT_EQ(watch->losses.size(), 4u);
  EXPECT_EQ(weights_of(trainer, "resumed"), expected);
}

struct AskToStop : Watch {
  void on_event(const slw_event& event, uint32_t& control) override {
    Watch::on_event(event, control);
    if (losses.size() == 2) request_stop();  // as a program's own handler of Ctrl-C does
  }
};

TEST(Trainer, ARequestToStopEndsWithItsRun) {
  Trainer whole(tiny());
  whole.train();
  const std::string expected = weights_of(whole, "whole");

  Trainer trainer(tiny());
  trainer.add_callback(std::make_shared<AskToStop>());
  EXPECT_THROW(trainer.train(), Interrupted);
  EXPECT_EQ(trainer.state().global_step, 2);
  TrainOptions on;
  on.resume = "true";
  EXPECT_TRUE(trainer.train(on).completed) << "the next run stopped too";
  EXPECT_EQ(weights_of(trainer, "resumed"), expected);
}

TEST(Trainer, WhatACallbackThrowsNamesIt) {
  Trainer trainer(tiny());
  const auto watch = std::make_shared<Watch>();
  watch->throw_at = 2;
  trainer.add_callback(watch);
  EXPECT_THAT(error_of([&] { trainer.train(); }),
              AllOf(HasSubstr("org.example.watch"), HasSubstr("seen enough")));
  EXPECT_EQ(trainer.state().global_step, 2) << "the state tells how far the run came";
  EXPECT_THAT(error_of([&] { trainer.add_callback(nullptr); }), HasSubstr("no callback was given"));
  struct Nameless : Watch {
    std::string id() const override { return "no id"; }
  };
  EXPECT_THAT(error_of([&] { trainer.add_callback(std::make_shared<Nameless>()); }),
              HasSubstr("\"no id\" is not a valid id"));
}

TEST(Trainer, CallbacksReachWeightsThroughTheHostsServices) {
  struct Norm : Watch {
    void on_event(const slw_event& event, uint32_t& control) override {
      Watch::on_event(event, control);
      if (event.type != SLW_ON_STEP_END) return;
      const auto* train =
          static_cast<const slw_host_train*>(host->get_service(host, SLW_HOST_TRAIN));
      slw_error error{};
      error.struct_size = sizeof error;
      DLTensor weight{};
      if (train->tensor(host, 0, SLW_ROLE_WEIGHT, nullptr, &weight, nullptr, &error) != SLW_OK)
        throw std::runtime_error(error.message);
      values.push_back(*static_cast<const float*>(weight.data));
    }
    std::vector<float> values;
  };
  Trainer trainer(tiny());
  const auto norm = std::make_shared<Norm>();
  trainer.add_callback(norm);
  trainer.train();
  ASSERT_EQ(norm->values.size(), 4u);
  EXPECT_NE(norm->values[0], norm->values[3]);
}

TEST(Trainer, RecordsOnWhichMachineItRan) {
  RunFile run = tiny({"train.max_steps=1"});
  const fs::path recorded = run.output_dir() / "config.resolved.toml";
  Trainer(std::move(run)).train();
  const std::string machine = recorded_machine(read_file(recorded));
  EXPECT_THAT(machine, testing::StartsWith(cpu_name() + ", "));
  EXPECT_THAT(machine, testing::ContainsRegex(" [0-9]+ cores?$"));
}

TEST(Trainer, LetsTheTrainedModelWrite) {
  Trainer trainer(tiny());
  GenerateOptions options;
  options.max_new_tokens = 5;
  options.samples = 2;
  const std::vector<GeneratedText> before = trainer.generate({"The film", "A"}, options);
  ASSERT_EQ(before.size(), 4u);
  EXPECT_EQ(before[3].prompt, 1u);
  EXPECT_EQ(before[3].sample, 1);
  EXPECT_EQ(before[0].ids.size(), before[0].logprobs.size());
  trainer.train();
  const std::vector<GeneratedText> after = trainer.generate({"The film", "A"}, options);
  EXPECT_NE(after[0].logprobs, before[0].logprobs);
  // The folder that it saves writes the same.
  weights_of(trainer, "written");
  GeneratorOptions how;
  how.plugin_path = {SLIPWAY_PLUGINS};
  const std::vector<GeneratedText> read =
      Generator(fs::path(SLIPWAY_SCRATCH) / "written", how).generate({"The film", "A"}, options);
  for (size_t i = 0; i < after.size(); ++i) EXPECT_EQ(read[i].ids, after[i].ids);
}

TEST(Trainer, TellsTextsAsTheyAreWritten) {
  Trainer generator(tiny());
  GenerateOptions options{.max_new_tokens = 8, .samples = 2};
  std::vector<std::string> told(4);
  std::vector<bool> ended(4);
  size_t parts = 0;
  const auto tell = [&](const TextPart& part) {
    const size_t i = part.prompt * 2 + static_cast<size_t>(part.sample);
    EXPECT_FALSE(ended[i]);
    told[i] += part.text;
    ended[i] = part.last;
    ++parts;
    return true;
  };
  const std::vector<GeneratedText> whole = generator.generate({"The film", "A"}, options, tell);
  const std::vector<GeneratedText> untold = generator.generate({"The film", "A"}, options);
  size_t tokens = 0;
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(told[i], whole[i].text);
    EXPECT_TRUE(ended[i]);
    EXPECT_EQ(whole[i].ids, untold[i].ids);
    tokens += whole[i].ids.size();
  }
  EXPECT_EQ(parts, tokens) << "one part a token";

  // asked alone, the second prompt gets the text that it got beside the first
  options.first_prompt = 1;
  EXPECT_EQ(generator.generate({"A"}, options)[1].ids, whole[3].ids);

  const std::vector<GeneratedText> stopped =
      generator.generate({"A"}, options, [](const TextPart&) { return false; });
  EXPECT_EQ(stopped[0].ids, std::vector(whole[2].ids.begin(), whole[2].ids.begin() + 1));
  EXPECT_FALSE(stopped[0].finished);
  EXPECT_TRUE(stopped[1].text.empty());
}

TEST(Search, TheProgramMayRunTheTrials) {
  const std::string text =
      read_file("tests/e2e/tiny_sft.toml") +
      "\n[search]\nmetric = \"eval_loss\"\ntrials = 3\n[search.space]\n\"train.learning_rate\" = { "
      "low = 1e-4, high = 1e-1, log = true }\n";
  const fs::path folder = scratch();
  const RunFile run = RunFile::parse(
      text,
      {"run.output_dir=" + folder.string(), fmt::format("plugins.path=[\"{}\"]", SLIPWAY_PLUGINS)},
      "tests/e2e");
  std::vector<double> rates;
  const SearchOptions options{
      .stop_on_signals = false,
      .run_trial = [&](const SearchTrial& trial) -> std::optional<double> {
        EXPECT_EQ(trial.folder, folder / fmt::format("trial-{:04}", trial.number));
        EXPECT_EQ(trial.values.at(0).first, "train.learning_rate");
        rates.push_back(std::stod(trial.values[0].second));
        return trial.number == 1 ? std::nullopt : std::optional(rates.back());
      }};
  const SearchResult result = search(run, options);
  EXPECT_EQ(result.metric, "eval_loss");
  ASSERT_EQ(result.trials.size(), 3u);
  EXPECT_FALSE(result.trials[1].objective);
  EXPECT_THAT(result.best, ElementsAre(rates[0] < rates[2] ? 0 : 2));
  search(run, options);
  ASSERT_EQ(rates.size(), 4u)
      << "trials that the journal has were run again, beside the one that failed";
  EXPECT_EQ(rates[3], rates[1]);
  EXPECT_THAT(error_of([&] { search(run); }), HasSubstr("give run_trial"));
}

TEST(Describe, TellsPrograms) {
  const Json plugins = parse_json(describe_plugins({SLIPWAY_PLUGINS}), "plugins");
  EXPECT_GE(plugins["plugins"].size(), 7u);
  EXPECT_EQ(parse_json(describe_plugin("length", {SLIPWAY_PLUGINS}), "plugin")["id"],
            "org.slipway.reward.length");
}

}  // namespace
}  // namespace slipway
