// Reward plugins as the host calls them: what counts, what is refused, and how far a bad table
// gets.
#include "plugin/reward.h"

#include <cmath>
#include <sys/mman.h>
#include <unistd.h>

#include "plugin/trampoline.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::IsNan;

RewardPlugin moody(const char* mode) {
  return reward("moody", option_table("mode", Value::of(std::string(mode))));
}

std::string moody_error(const char* mode) {
  const RewardPlugin plugin = moody(mode);
  return error_of([&] { plugin.score(rows({"a", "b", "c"}), 1, false); });
}

TEST(Reward, ScoresEveryRow) {
  EXPECT_THAT(reward("good").score(rows({"", "a", "abc"}), 1, false), ElementsAre(0, 1, 3));
  EXPECT_THAT(reward("good").score({}, 1, false), ElementsAre());
  Library library = load(fixture("good"));
  const RewardPlugin half(Plugin(library, *library.descriptors()[0], {}, {}), 0.5);
  EXPECT_THAT(half.score(rows({"abc"}), 1, true), ElementsAre(1.5));
}

TEST(Reward, ExampleOfTheReadmeScores) {
  EXPECT_THAT(reward("shout").score(rows({"ABcd", "LOUD!", "quiet", "123"}), 1, false),
              ElementsAre(0.5, 1, 0, IsNan()));
  EXPECT_THAT(
      reward("shout", option_table("most", Value::of(0.75))).score(rows({"LOUD"}), 1, false),
      ElementsAre(0.75));
}

TEST(Reward, NoOpinionIsNotZero) {
  EXPECT_THAT(moody("nan").score(rows({"a", "b", "c"}), 1, false), ElementsAre(IsNan(), 1, 1));
}

TEST(Reward, RewardsWithAnOpinionScoreTheRow) {
  const RewardPlugin plugin = reward("judge");
  EXPECT_THAT(plugin.names(), ElementsAre("judge/odd_name", "judge/shape", "judge/shape-2"));
  const Scores scores = plugin.scores(rows({"ab", "", "xx", "x"}), 1, false);
  EXPECT_THAT(scores.each[0], ElementsAre(2, 1, 0.5));
  EXPECT_THAT(scores.each[1], ElementsAre(IsNan(), IsNan(), IsNan()));
  EXPECT_THAT(scores.each[2], ElementsAre(2, IsNan(), 0.5));
  EXPECT_THAT(scores.sums, ElementsAre(2 * 1 + 1 * 10 + 0.5 * 0, IsNan(), 2 * 1 + 0.5 * 0, 1));
}

TEST(Reward, ColumnsAreOfTheCallsRows) {
  const RewardPlugin plugin = reward("judge");
  const Scores first = plugin.scores(rows({"ab", "c"}), 1, false),
               second = plugin.scores(rows({"def"}), 1, false);
  EXPECT_EQ(Json(first.columns).dump(),
            R"([{"judge/letters":2,"judge/text":"ab"},{"judge/letters":1,"judge/text":"c"}])");
  EXPECT_EQ(Json(second.columns).dump(), R"([{"judge/letters":3,"judge/text":"def"}])");
}

TEST(Reward, ABatchHoldsEveryRowAsItIs) {
  const RewardPlugin plugin = reward("mirror");
  const std::vector<ScoredRow> rows = {{"p", "c", {1, 2, 3}, {4, 5}, 7, true},
                                       {"", "", {}, {6}, 8, false},
                                       {"q", "", {9}, {}, 8, true}};
  const Scores training = plugin.scores(rows, 12, false),
               evaluation = plugin.scores(rows, 13, true);
  EXPECT_THAT(training.each[0], ElementsAre(123, 45, 71, 120));
  EXPECT_THAT(training.each[1], ElementsAre(0, 6, 80, 120));
  EXPECT_THAT(training.each[2], ElementsAre(9, 0, 81, 120));
  EXPECT_THAT(evaluation.each[0], ElementsAre(123, 45, 71, 131));
}

TEST(Reward, WhatIsNotWrittenOrTooMuchIsRefused) {
  EXPECT_EQ(
      moody_error("lazy"),
      "plugin org.test.moody, score(): row 0 was left without a value; \"no opinion\" is NaN");
  const auto said = [](const char* how) {
    const RewardPlugin plugin = reward("judge", option_table("how", Value::of(std::string(how))));
    return error_of([&] { plugin.score(rows({"a", "b", "c"}), 1, false); });
  };
  EXPECT_EQ(said("short"),
            "plugin org.test.judge, score(): row 2, reward judge/shape, was left without a value; "
            "\"no opinion\" is NaN");
  EXPECT_EQ(said("long"), "plugin org.test.judge, score(): wrote beyond the last of 3 rows");
  EXPECT_EQ(
      said("column"),
      "plugin org.test.judge, score(): its column \"letters\" has 2 values, there are 3 rows");
  EXPECT_EQ(said("infinite"),
            "plugin org.test.judge, score(): row 0, reward judge/odd_name, got an infinite reward");
  EXPECT_EQ(error_of([] { reward("judge", option_table("how", Value::of(std::string("many")))); }),
            "plugin org.test.judge gives 4000000000 rewards a row; at most 1024 are allowed");
}

TEST(Reward, ColumnsOfTheDataSetReachTheSugar) {
  const Json forty = {{"answer", "40"}, {"least", 2}}, none = {{"answer", nullptr}};
  ColumnTypes types;
  types.see(forty);
  std::vector<ScoredRow> batch = rows({"40", "41", "40"});
  batch[0].columns = batch[1].columns = &forty;
  batch[2].columns = &none;
  const RewardPlugin plugin(instance(fixture("equals")), 1.0, types);
  EXPECT_THAT(plugin.score(batch, 1, false), ElementsAre(2, -2, IsNan()));
  // no row has an answer: still text, and still nothing
  batch.erase(batch.begin(), batch.begin() + 2);
  EXPECT_THAT(plugin.score(batch, 1, false), ElementsAre(IsNan()));
}

TEST(Reward, FailuresAreQuoted) {
  EXPECT_EQ(moody_error("ones"), "");
  EXPECT_EQ(moody_error("infinite"),
            "plugin org.test.moody, score(): row 1 got an infinite reward");
  EXPECT_EQ(moody_error("error"),
            "plugin org.test.moody, score(): the completion is empty at row 1 (INVALID_ARGUMENT)");
  EXPECT_EQ(moody_error("silent"),
            "plugin org.test.moody, score(): failed without saying why (UNAVAILABLE)");
  EXPECT_EQ(moody_error("odd-status"),
            "plugin org.test.moody, score(): failed without saying why (not a status)");
  EXPECT_EQ(moody_error("unterminated"),
            "plugin org.test.moody, score(): " + std::string(sizeof slw_error::message, 'x') +
                " (INTERNAL)");
}

TEST(Reward, ExceptionsStopAtTheBarrier) {
  const auto thrown = [](const char* what) {
    return error_of([&] {
      reward("throws", option_table("what", Value::of(std::string(what))))
          .score(rows({"a"}), 1, false);
    });
  };
  EXPECT_EQ(thrown("error"),
            "plugin org.test.throws, score(): empty completion (INVALID_ARGUMENT)");
  EXPECT_EQ(thrown("standard"), "plugin org.test.throws, score(): index 7 of 3 (INTERNAL)");
  EXPECT_EQ(thrown("memory"), "plugin org.test.throws, score(): out of memory (OUT_OF_MEMORY)");
  EXPECT_EQ(thrown("number"), "plugin org.test.throws, score(): unknown exception (UNKNOWN)");
  EXPECT_EQ(thrown("at-create"),
            "plugin org.test.throws, create(): no file \"weights.bin\" (NOT_FOUND)");
  EXPECT_EQ(current_plugin_call.plugin, nullptr);
}

RewardPlugin shaped(const char* shape, int64_t bytes = sizeof(slw_reward)) {
  Value options = option_table("shape", Value::of(std::string(shape)));
  options["bytes"] = Value::of(bytes);
  return reward("shapes", options);
}

TEST(RewardTables, EveryShorterTableIsRefusedWithoutReadingBeyondIt) {
  for (int64_t bytes = 4; bytes < static_cast<int64_t>(sizeof(slw_reward)); bytes += 4)
    EXPECT_EQ(error_of([&] { shaped("table", bytes); }),
              "plugin org.test.shapes offers slipway.reward/1 without score()")
        << bytes;
}

TEST(RewardTables, LongerTableWithAnUnknownTailWorks) {
  for (const int64_t bytes : {24, 28, 32, 64, 512})
    EXPECT_THAT(shaped("table", bytes).score(rows({"a", "b"}), 1, false), ElementsAre(1, 1));
}

TEST(RewardTables, WeightsOfSeveralRewards) {
  // a weight of 0 is one
  EXPECT_THAT(shaped("two-rewards").score(rows({"a"}), 1, false), ElementsAre(0.0 * 1 + 2.0 * 1));
  // no weight said: 1
  EXPECT_THAT(shaped("short-info").score(rows({"a"}), 1, false), ElementsAre(1.0 * 1 + 2.0 * 1));
  EXPECT_EQ(error_of([] { shaped("nan-weight"); }),
            "plugin org.test.shapes: the weight of reward 1 is not a finite number");
}

// What an older host would hand to a newer plugin: the batch ends early, and behind it nothing can
// be read.
TEST(RewardTables, CutBatchIsRefusedOrScoredByTheSugar) {
  Library library = load(fixture("throws"));
  const slw_descriptor& descriptor = *library.descriptors()[0];
  const Value none = option_table("what", Value::of(std::string("nothing")));
  const Plugin plugin(library, descriptor,
                      check_options(descriptor.options, &none, descriptor.id, {}), {});
  const auto* table = plugin.interface<slw_reward>(SLW_REWARD);
  const slw_str text[] = {{"abc", 3}, {"de", 2}};
  const uint8_t finished[] = {1, 0};
  slw_reward_batch whole{};
  whole.size = 2, whole.prompts = text, whole.completions = text, whole.finished = finished;

  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  auto* pages = static_cast<char*>(
      ::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  ASSERT_EQ(::mprotect(pages + page, page, PROT_NONE), 0);
  for (size_t size = offsetof(slw_reward_batch, prompts); size <= sizeof whole; size += 8) {
    whole.struct_size = static_cast<uint32_t>(size);
    char* at = pages + page - size;
    std::memcpy(at, &whole, size);
    slw_error error{};
    error.struct_size = sizeof error;
    float out[2] = {NAN, NAN};
    const slw_status status =
        table->score(plugin.get(), reinterpret_cast<const slw_reward_batch*>(at), out, &error);
    if (size < offsetof(slw_reward_batch, prompt_offsets)) {
      EXPECT_EQ(status, SLW_INVALID_ARGUMENT) << size;
      EXPECT_STREQ(error.message, "a batch without texts");
    } else {
      const bool knows_finished = size >= offsetof(slw_reward_batch, finished) + sizeof(void*);
      EXPECT_EQ(status, SLW_OK) << size;
      EXPECT_THAT(out, ElementsAre(knows_finished ? 2.0f : 3.0f, 2.0f)) << size;
    }
  }
  ::munmap(pages, 2 * page);
}

}  // namespace
}  // namespace slipway
