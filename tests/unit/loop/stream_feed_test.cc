// Steps of a stream beside the Hugging Face Trainer's over data without a length
// (tests/parity/record_step_arithmetic.py).
#include "loop/stream_feed.h"

#include <atomic>
#include <set>
#include <thread>

#include "config/schema.h"
#include "loop/run_settings.h"
#include "tests/unit/largest.h"
#include "tests/unit/loop/tiny_stage.h"

namespace slipway {
namespace {

using Rows = std::vector<std::vector<int64_t>>;  // of a step's micro-batches

fs::path numbers(size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += std::to_string(i) + "\n";
  const fs::path file = scratch() / "numbers.txt";
  write_file_durably(file, text);
  return file;
}

// The row's number is the length of its example, less 2.
std::optional<Example> counted(const Row& row) {
  return Example{std::vector<int32_t>(std::stoul(row.completion) + 2, 1), 0};
}

OrderSettings order(int64_t batch_size, int64_t accumulation) {
  OrderSettings out;
  out.batch_size = batch_size;
  out.gradient_accumulation_steps = accumulation;
  return out;
}

Rows rows_of(const StepExamples& step) {
  Rows out;
  for (const auto& micro_batch : step.micro_batches) {
    out.emplace_back();
    for (const Example* example : micro_batch)
      out.back().push_back(static_cast<int64_t>(example->ids.size()) - 2);
  }
  return out;
}

TEST(StreamFeed, StepsAreTheTrainers) {
  const Json record =
      parse_json(read_file("tests/parity/data/step_arithmetic.json"), "step_arithmetic.json");
  double largest = 0;
  size_t steps = 0;
  for (const Json& run : record.at("streams")) {
    SCOPED_TRACE(run.dump().substr(0, 80));
    RowStream rows({numbers(run.at("rows"))}, {});
    const int64_t max_steps = run.at("max_steps");
    StreamFeed feed(rows, counted, order(run.at("batch_size"), run.at("accumulation")), max_steps);
    int64_t passes = 1;
    for (const Json& expected : run.at("steps")) {
      std::optional<StepExamples> step = feed.next();
      if (!step) {
        feed.begin_epoch();
        ++passes;
        step = feed.next();
      }
      ASSERT_TRUE(step);
      EXPECT_EQ(rows_of(*step), expected.at("rows").get<Rows>());
      largest = largest_of({largest, std::abs(step->epoch - expected.at("epoch").get<double>())});
      ++steps;
    }
    EXPECT_EQ(feed.done(), max_steps);
    EXPECT_EQ(passes, run.at("epochs_begun"));
  }
  EXPECT_GT(steps, 30u);
  EXPECT_EQ(largest, 0);
  std::printf("%zu steps of %zu streams, largest difference of an epoch %g\n", steps,
              record.at("streams").size(), largest);
}

// A pass's last group may be short. The Trainer does not step after it: it adds its gradients to
// the next pass's first step.
TEST(StreamFeed, APassEndsOnAStep) {
  RowStream rows({numbers(10)}, {});
  StreamFeed feed(rows, counted, order(2, 4), 3);
  EXPECT_EQ(rows_of(*feed.next()), (Rows{{0, 1}, {2, 3}, {4, 5}, {6, 7}}));
  EXPECT_EQ(rows_of(*feed.next()), (Rows{{8, 9}}));
  EXPECT_FALSE(feed.next());
}

// Three processes: each takes every third batch; the pass ends within a round.
TEST(StreamFeed, ProcessesTakeTheBatchesInTurn) {
  const fs::path file = numbers(17);
  OrderSettings settings = order(2, 2);
  settings.ranks = 3;
  const std::vector<std::vector<Rows>> expected = {
      {{{0, 1}, {6, 7}}, {{12, 13}}}, {{{2, 3}, {8, 9}}, {{14, 15}}}, {{{4, 5}, {10, 11}}, {{16}}}};
  for (int64_t rank = 0; rank < 3; ++rank) {
    RowStream rows({file}, {});
    StreamFeed feed(rows, counted, settings, 2, rank);
    for (const Rows& own : expected[static_cast<size_t>(rank)]) {
      const std::optional<StepExamples> step = feed.next();
      ASSERT_TRUE(step);
      EXPECT_EQ(rows_of(*step), own);
      int64_t tokens = 0;
      for (const int64_t each : step->tokens) tokens += each;
      // numbers 0 to 11, or 12 to 16, each two tokens more; the first token is no label
      EXPECT_EQ(tokens, own.size() == 2 ? 66 + 24 : 70 + 10);
      EXPECT_EQ(step->labels, own.size() == 2 ? 66 + 12 : 70 + 5);
    }
  }
}

TEST(StreamFeed, GoesOnFromEveryPlace) {
  const fs::path file = numbers(11);
  RowStream rows({file}, {});
  const auto some = [](const Row& row) {
    return row.completion == "4" ? std::nullopt : counted(row);
  };
  StreamFeed whole(rows, some, order(2, 2), 20);
  for (int i = 0; i < 10; ++i) {
    const Json place = parse_json(whole.place().dump(), "place");
    RowStream again({file}, {});
    StreamFeed resumed(again, some, order(2, 2), 20);
    resumed.go_to(whole.done(), place);
    std::optional<StepExamples> step = whole.next(), other = resumed.next();
    ASSERT_EQ(step.has_value(), other.has_value()) << i;
    if (!step) {
      whole.begin_epoch();
      resumed.begin_epoch();
      step = whole.next();
      other = resumed.next();
    }
    EXPECT_EQ(rows_of(*step), rows_of(*other)) << i;
    EXPECT_EQ(step->epoch, other->epoch) << i;
    EXPECT_EQ(whole.done(), resumed.done());
  }
}

// The next step is made while this one is used; a bad row shows when its step is asked for.
TEST(StreamFeed, TheNextStepIsMadeMeanwhile) {
  const fs::path file = numbers(6);
  RowStream rows({file}, {});
  std::atomic<int> made{0};
  std::set<std::thread::id> makers;
  StreamFeed feed(
      rows,
      [&](const Row& row) {
        makers.insert(std::this_thread::get_id());
        if (row.completion == "4") fail("row {} is bad", row.completion);
        ++made;
        return counted(row);
      },
      order(2, 1), 9);
  EXPECT_EQ(rows_of(*feed.next()), (Rows{{0, 1}}));
  while (made < 4) std::this_thread::yield();  // nobody asked for rows 2 and 3 yet
  EXPECT_EQ(feed.place().at("examples"), 2);
  EXPECT_EQ(rows_of(*feed.next()), (Rows{{2, 3}}));
  feed.pause();
  EXPECT_EQ(feed.place().at("examples"), 4);
  EXPECT_TRUE(makers.contains(std::this_thread::get_id()));  // the first step is made at once
  EXPECT_GE(makers.size(), 2u);
  EXPECT_EQ(error_of([&] { feed.next(); }), "row 4 is bad");
}

TEST(StreamFeed, TrainsAsTheSameRowsInMemoryDo) {
  const auto seven_steps = [](TinyStage& tiny, Feed& feed) {
    tiny.settings.max_steps = 7;
    tiny.settings.objective.noise.alpha = 5;  // drawn by an example's number in its epoch
    StageHooks hooks;
    hooks.on_step = [](const StepReport&) -> uint32_t { return 0; };
    train_stage(tiny.model, tiny.optimizer, *stage_schedule(tiny.settings, 7), feed, tiny.settings,
                7, hooks);
    return tiny.weights();
  };
  RowStream rows({numbers(9)}, {});
  StreamFeed stream(rows, counted, order(2, 2), 7);
  std::vector<Example> examples;
  for (int i = 0; i < 9; ++i) examples.push_back(*counted({"", std::to_string(i), {}, ""}));
  OrderedFeed ordered(examples, {"sequential", 1, {}, 2, 2});
  TinyStage one, other;
  EXPECT_TRUE(at::equal(seven_steps(one, stream), seven_steps(other, ordered)));
}

TEST(StreamFeed, NothingToTrainOnIsAnError) {
  RowStream rows({numbers(3)}, {});
  StreamFeed feed(rows, [](const Row&) { return std::optional<Example>(); }, order(2, 2), 7);
  EXPECT_EQ(error_of([&] { feed.next(); }), "no row is left to train on");
  EXPECT_THAT(error_of([&] { feed.go_to(3, Json::object()); }),
              testing::HasSubstr("does not say where its stream stood"));
}

TEST(StreamFeed, WhatCannotGoWithAStreamIsRefused) {
  const auto faults = [](const std::string& algorithm, const std::string& more) {
    RunConfig config;
    config.raft = algorithm == "raft";
    config.resolved = check_run_file(
        parse_toml(fmt::format("[run]\nalgorithm = \"{}\"\noutput_dir = \"x\"\n[data]\ntrain = "
                               "[\"t\"]\nstreaming = true\n{}",
                               algorithm, more),
                   "run.toml"),
        nullptr);
    return streaming_faults(config);
  };
  EXPECT_THAT(faults("sft", "[train]\nmax_steps = 3\n"), testing::IsEmpty());
  EXPECT_THAT(faults("raft", ""),
              testing::ElementsAre(testing::StartsWith("run.toml:6: data.streaming: raft")));
  EXPECT_THAT(faults("sft",
                     "eval_rows = 2\n[train]\ntrain_sampling_strategy = "
                     "\"group_by_length\"\ndataloader_drop_last = true\n"),
              testing::ElementsAre(
                  testing::StartsWith("run.toml:6: data.streaming: needs train.max_steps over 0"),
                  testing::StartsWith("run.toml:7: data.eval_rows: "),
                  testing::StartsWith("run.toml:9: train.train_sampling_strategy: "
                                      "\"group_by_length\" goes by the lengths of all examples"),
                  testing::StartsWith("run.toml:10: train.dataloader_drop_last: ")));
}

}  // namespace
}  // namespace slipway
