// Steps, their examples and the epoch told after each, beside the Hugging Face Trainer's
// (tests/parity/record_step_arithmetic.py).
#include <gtest/gtest.h>

#include "tests/unit/largest.h"
#include "tests/unit/loop/tiny_stage.h"

namespace slipway {
namespace {

using Rows = std::vector<std::vector<int64_t>>;  // of a step's micro-batches

// Passes a feed on, and keeps which examples each step had.
class Watched : public Feed {
 public:
  Watched(Feed& feed, const std::vector<Example>& examples) : feed_(feed), examples_(examples) {}
  int64_t epoch() const override { return feed_.epoch(); }
  int64_t done() const override { return feed_.done(); }
  std::optional<StepExamples> next() override {
    std::optional<StepExamples> out = feed_.next();
    if (!out) return out;
    steps.emplace_back();
    for (const auto& micro_batch : out->micro_batches) {
      steps.back().emplace_back();
      for (const Example* example : micro_batch)
        steps.back().back().push_back(example - examples_.data());
    }
    return out;
  }
  bool ended() const override { return feed_.ended(); }
  void finish_epoch() override { feed_.finish_epoch(); }
  void begin_epoch() override { feed_.begin_epoch(); }

  std::vector<Rows> steps;

 private:
  Feed& feed_;
  const std::vector<Example>& examples_;
};

TEST(StepArithmetic, IsTheTrainers) {
  const Json record =
      parse_json(read_file("tests/parity/data/step_arithmetic.json"), "step_arithmetic.json");
  const auto lengths = record.at("lengths").get<std::vector<size_t>>();
  size_t steps_seen = 0;
  double largest = 0;
  TinyStage tiny;
  for (const Json& run : record.at("runs")) {
    SCOPED_TRACE(run.dump().substr(0, 120));
    std::vector<Example> examples;
    for (size_t i = 0; i < run.at("rows").get<size_t>(); ++i)
      examples.push_back({std::vector<int32_t>(lengths[i], static_cast<int32_t>(i % 16)), 0});
    StageSettings& settings = tiny.settings;
    settings.batch_size = run.at("batch_size");
    settings.gradient_accumulation_steps = run.at("accumulation");
    settings.num_train_epochs = run.at("num_train_epochs");
    settings.max_steps = run.at("max_steps");
    settings.sampling_strategy = run.at("strategy");
    const Json& state = run.at("state");
    const int64_t steps = stage_steps(examples.size(), settings);
    EXPECT_EQ(steps, state.at("max_steps"));
    EXPECT_EQ(stage_epochs(examples.size(), settings), state.at("num_train_epochs"));
    OrderedFeed ordered(examples, order_settings(settings));
    Watched feed(ordered, examples);
    std::vector<double> epochs;
    int64_t epochs_ended = 0;
    StageHooks hooks;
    hooks.on_step = [&](const StepReport& report) -> uint32_t {
      epochs.push_back(report.epoch);
      EXPECT_EQ(report.step, static_cast<int64_t>(epochs.size()));
      return 0;
    };
    hooks.on_epoch_end = [&](const EpochReport& report) -> uint32_t {
      EXPECT_EQ(report.epochs, ++epochs_ended);
      return 0;
    };
    EXPECT_TRUE(train_stage(tiny.model, tiny.optimizer, *stage_schedule(settings, steps), feed,
                            settings, steps, hooks));
    EXPECT_EQ(epochs_ended, run.at("epochs_begun"));
    ASSERT_EQ(epochs.size(), run.at("steps").size());
    for (size_t i = 0; i < epochs.size(); ++i) {
      largest =
          largest_of({largest, std::abs(epochs[i] - run.at("steps")[i].at("epoch").get<double>())});
      EXPECT_EQ(feed.steps[i], run.at("steps")[i].at("rows").get<Rows>()) << "step " << i + 1;
    }
    steps_seen += epochs.size();
  }
  EXPECT_GT(steps_seen, 300u);
  EXPECT_EQ(largest, 0);
  std::printf("%zu steps of %zu runs, largest difference of an epoch %g\n", steps_seen,
              record.at("runs").size(), largest);
}

TEST(StepArithmetic, AFeedGoesOnWhereItWasLeft) {
  std::vector<Example> examples(23, Example{{1, 2, 3}, 0});
  for (const char* strategy : {"random", "sequential", "group_by_length", "batch_rebalance"}) {
    const OrderSettings settings{strategy, 5, {}, 3, 2};
    OrderedFeed whole(examples, settings);
    for (int64_t done = 0; done < 12; ++done) {
      OrderedFeed resumed(examples, settings, done);
      EXPECT_EQ(resumed.done(), done);
      EXPECT_EQ(resumed.epoch(), whole.epoch());
      if (const auto step = whole.next(); step) {
        EXPECT_EQ(resumed.next()->micro_batches, step->micro_batches) << strategy << " " << done;
        continue;
      }
      EXPECT_FALSE(resumed.next());  // both stand at an epoch's end
      whole.begin_epoch();
      resumed.begin_epoch();
      EXPECT_EQ(resumed.next()->micro_batches, whole.next()->micro_batches)
          << strategy << " " << done;
    }
  }
}

TEST(StepArithmetic, DroppingAllThatThereIsIsRefused) {
  std::vector<Example> examples(3, Example{{1, 2, 3}, 0});
  EXPECT_EQ(error_of([&] { OrderedFeed(examples, {"random", 5, {}, 4, 1, true}); }),
            "3 examples make no whole batch, and train.dataloader_drop_last leaves out what is "
            "less; lower train.per_device_train_batch_size");
}

// A callback ends epochs early: what is left of one counts as done, in a resumed run too.
TEST(StepArithmetic, AStoppedEpochIsPassedOver) {
  TinyStage tiny;
  const std::vector<Example> examples(10, Example{{1, 2, 3}, 0});
  tiny.settings.num_train_epochs = 3;
  OrderedFeed feed(examples, order_settings(tiny.settings));
  std::vector<int64_t> steps;
  StageHooks hooks;
  hooks.on_step = [&](const StepReport& report) -> uint32_t {
    steps.push_back(report.step);
    return report.step % 5 == 2 ? SLW_STOP_EPOCH : 0;
  };
  train_stage(tiny.model, tiny.optimizer, *stage_schedule(tiny.settings, 15), feed, tiny.settings,
              15, hooks);
  EXPECT_EQ(steps, (std::vector<int64_t>{1, 2, 6, 7, 11, 12}));
  EXPECT_EQ(feed.done(), 15);
}

}  // namespace
}  // namespace slipway
