// Early stopping: the rule of transformers' EarlyStoppingCallback with the Trainer's best metric,
// and its state.
#include <cmath>
#include <limits>
#include <optional>

#include "base/log.h"
#include "plugin/callback.h"
#include "tests/unit/plugins/bundled.h"

namespace slipway {
namespace {

using testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN(),
                 kInfinity = std::numeric_limits<double>::infinity();

CallbackPlugin early_stopping(const std::string& options) {
  return CallbackPlugin(bundled("early_stopping", options));
}

uint32_t evaluate(const CallbackPlugin& plugin, const char* name, double value,
                  double best = kNaN) {
  const slw_metric metrics[] = {{"epoch", 1}, {name, value}, {"eval_other", -1e9}};
  slw_state state{};
  state.struct_size = sizeof state;
  state.best_metric = best;
  slw_event event{};
  event.struct_size = sizeof event;
  event.state = &state;
  event.type = SLW_ON_EVALUATE;
  event.metrics = metrics;
  event.metric_count = 3;
  uint32_t control = SLW_DO_SAVE;
  plugin.on_event(event, control);
  // nobody else's flags are touched
  EXPECT_EQ(control & ~uint32_t{SLW_STOP_TRAINING}, SLW_DO_SAVE);
  return control;
}

// Which of the evaluations asks to stop, from 1; 0 = none.
int stops_at(const CallbackPlugin& plugin, const char* name, const std::vector<double>& values) {
  for (size_t i = 0; i < values.size(); ++i)
    if ((evaluate(plugin, name, values[i]) & SLW_STOP_TRAINING) != 0)
      return static_cast<int>(i) + 1;
  return 0;
}
int stops_at(const std::string& options, const std::vector<double>& values,
             const char* name = "eval_loss") {
  return stops_at(early_stopping(options), name, values);
}

// The two functions of transformers, word for word: check_metric_value() and
// _determine_best_metric().
int reference(int64_t patience, double threshold, bool greater, const std::vector<double>& values) {
  std::optional<double> best;
  int64_t counter = 0;
  const auto better = [&](double a, double b) { return greater ? a > b : a < b; };
  for (size_t i = 0; i < values.size(); ++i) {
    if (!best || (better(values[i], *best) && std::abs(values[i] - *best) > threshold)) counter = 0;
    else counter += 1;
    if (counter >= patience) return static_cast<int>(i) + 1;
    if (!best) best = greater ? -kInfinity : kInfinity;
    if (better(values[i], *best)) best = values[i];
  }
  return 0;
}

TEST(EarlyStopping, PatienceCountsEvaluationsWithoutGain) {
  EXPECT_EQ(stops_at("", {3, 2, 1}), 0);
  EXPECT_EQ(stops_at("", {3, 2, 2}), 3);  // equal is not better
  EXPECT_EQ(stops_at("early_stopping_patience = 2", {3, 4, 5}), 3);
  // a gain restores all of it
  EXPECT_EQ(stops_at("early_stopping_patience = 2", {3, 4, 2, 3, 1, 2, 2}), 7);
}

TEST(EarlyStopping, TheThresholdMustBeExceededAndTheBestFollowsEveryGain) {
  EXPECT_EQ(stops_at("early_stopping_threshold = 0.5", {3, 2.5}), 2);
  EXPECT_EQ(stops_at("early_stopping_threshold = 0.5", {3, 2.25}), 0);
  // Small gains add up to more than the threshold, but each is measured against the one before.
  EXPECT_EQ(
      stops_at("early_stopping_threshold = 0.5\nearly_stopping_patience = 3", {3, 2.75, 2.5, 2.25}),
      4);
}

TEST(EarlyStopping, DirectionIsTheNamesUnlessSaid) {
  EXPECT_EQ(stops_at("metric_for_best_model = \"eval_reward\"", {1, 2, 3}, "eval_reward"), 0);
  EXPECT_EQ(stops_at("metric_for_best_model = \"reward\"", {1, 0}, "eval_reward"), 2);
  EXPECT_EQ(stops_at("metric_for_best_model = \"loss\"", {2, 1}), 0);
  EXPECT_EQ(stops_at("metric_for_best_model = \"my_loss\"", {1, 2}, "eval_my_loss"), 2);
  EXPECT_EQ(stops_at("greater_is_better = \"true\"", {1, 2, 3}), 0);
  EXPECT_EQ(stops_at("metric_for_best_model = \"reward\"\ngreater_is_better = \"false\"", {1, 2},
                     "eval_reward"),
            2);
}

TEST(EarlyStopping, NotANumberIsNeverBetter) {
  EXPECT_EQ(stops_at("", {kNaN, 1}), 0);  // the first evaluation uses up nothing, whatever it says
  EXPECT_EQ(stops_at("", {kNaN, kNaN}), 2);
  EXPECT_EQ(stops_at("", {1, kNaN}), 2);
  EXPECT_EQ(stops_at("early_stopping_patience = 2", {1, kNaN, 0.5, kNaN, kNaN}), 5);
}

TEST(EarlyStopping, EqualsTheReferenceOnDrawnSeries) {
  const double levels[] = {0, 0.25, 0.5, 0.75, 1, 1.25, kNaN, kInfinity, -kInfinity};
  uint64_t state = 20260101;
  const auto draw = [&](uint64_t n) {
    state = state * 6364136223846793005 + 1442695040888963407;
    return (state >> 33) % n;
  };
  const LogLevel before = log_level();
  set_log_level(LogLevel::kWarn);  // a thousand series say that they stop
  int stopped = 0;
  for (int series = 0; series < 2000; ++series) {
    const auto patience = static_cast<int64_t>(1 + draw(3));
    const double threshold = 0.25 * static_cast<double>(draw(3));
    const bool greater = draw(2) == 1;
    std::vector<double> values;
    for (int i = 0; i < 5; ++i) values.push_back(levels[draw(std::size(levels))]);
    const int expected = reference(patience, threshold, greater, values);
    stopped += expected != 0;
    ASSERT_EQ(stops_at(fmt::format("early_stopping_patience = {}\nearly_stopping_threshold = "
                                   "{:.2f}\ngreater_is_better = \"{}\"",
                                   patience, threshold, greater),
                       values),
              expected)
        << "series " << series;
  }
  set_log_level(before);
  EXPECT_GT(stopped, 200);
  EXPECT_LT(stopped, 1900);
}

TEST(EarlyStopping, AMissingMetricWarnsOnce) {
  const CallbackPlugin plugin = early_stopping("metric_for_best_model = \"f1\"");
  testing::internal::CaptureStderr();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(evaluate(plugin, "eval_loss", 1), SLW_DO_SAVE);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("no metric \"eval_f1\""));
  EXPECT_THAT(said, HasSubstr("epoch, eval_loss, eval_other"));
  EXPECT_EQ(said.find("eval_f1"), said.rfind("eval_f1"));
}

TEST(EarlyStopping, OptionsAreHeldToTheSchema) {
  const auto error = [](const char* options) { return error_of([&] { early_stopping(options); }); };
  EXPECT_THAT(error("early_stopping_patience = 0"), HasSubstr("at least 1"));
  EXPECT_THAT(error("early_stopping_threshold = -0.1"), HasSubstr("at least 0.0"));
  EXPECT_THAT(error("early_stopping_threshold = nan"), HasSubstr("at least 0.0"));
  EXPECT_THAT(error("greater_is_better = \"yes\""), HasSubstr("auto, true, false"));
  EXPECT_THAT(error("patience = 3"), HasSubstr("no option \"patience\""));
}

TEST(EarlyStopping, AResumedRunStopsWhereAnUninterruptedOneDoes) {
  const std::string options = "early_stopping_patience = 3\nearly_stopping_threshold = 0.1";
  const std::vector<double> values = {2, 1, 0.95, 0.93, 1.5, 0.2};
  const int whole = stops_at(options, values);
  ASSERT_EQ(whole, 5);
  for (int cut = 0; cut < whole; ++cut) {
    const CallbackPlugin first = early_stopping(options), second = early_stopping(options);
    EXPECT_EQ(stops_at(first, "eval_loss", {values.begin(), values.begin() + cut}), 0);
    second.load(first.save());
    EXPECT_EQ(second.save(), first.save());
    EXPECT_EQ(stops_at(second, "eval_loss", {values.begin() + cut, values.end()}), whole - cut)
        << "cut after " << cut;
  }
}

TEST(EarlyStopping, InfiniteBestsAreKept) {
  const CallbackPlugin first = early_stopping("early_stopping_patience = 3"),
                       second = early_stopping("early_stopping_patience = 3");
  evaluate(first, "eval_loss", kNaN);
  second.load(first.save());
  EXPECT_EQ(second.save(), first.save());
  EXPECT_EQ(stops_at(second, "eval_loss", {kNaN, kNaN, kNaN}), 3);
}

TEST(EarlyStopping, DamagedStatesAreRefusedAndChangeNothing) {
  const CallbackPlugin plugin = early_stopping("early_stopping_patience = 9");
  evaluate(plugin, "eval_loss", 1);
  evaluate(plugin, "eval_loss", 2);
  const std::string good = plugin.save();
  const auto file = [](const std::string& own) {
    return R"({"args":{"early_stopping_patience":9,"early_stopping_threshold":0.0},"attributes":{"early_stopping_patience_counter":1,"state":")" +
           own + "\"}}";
  };
  ASSERT_EQ(good, R"({"class":"EarlyStoppingCallback",)" +
                      file("early_stopping/1 1 0x1p+0 less eval_loss").substr(1));
  for (const char* bad :
       {"1", "1 0x1p+0", "early_stopping/2 1 0x1p+0 less eval_loss",
        "early_stopping/1 1 0x1p+0 less", "early_stopping/1 -1 0x1p+0 less eval_loss",
        "early_stopping/1 x 0x1p+0 less eval_loss", "early_stopping/1 1  less eval_loss",
        "early_stopping/1 1 0x1p+0z less eval_loss", "early_stopping/1 1 nan less eval_loss",
        "early_stopping/1 1 none less eval_loss",
        "early_stopping/1 9999999999999999999999 0x1p+0 less eval_loss"}) {
    EXPECT_THAT(error_of([&] { plugin.load(file(bad)); }),
                HasSubstr("load(): the checkpoint's state \"" + std::string(bad)))
        << bad;
    EXPECT_EQ(plugin.save(), good) << bad;
  }
  for (const char* bad : {"", "{}", R"({"args":{},"attributes":{}})",
                          R"({"args":{},"attributes":{"early_stopping_patience_counter":"x"}})"}) {
    EXPECT_THAT(error_of([&] { plugin.load(bad); }), HasSubstr("load(): the checkpoint's state \""))
        << bad;
    EXPECT_EQ(plugin.save(), good) << bad;
  }
}

// transformers keeps the counter alone: the best is its Trainer's.
TEST(EarlyStopping, GoesOnFromAStateOfTransformers) {
  for (const auto& [best, stops] : {std::pair{0.5, 1}, {kNaN, 3}, {2.0, 3}}) {
    const CallbackPlugin plugin = early_stopping("early_stopping_patience = 2");
    plugin.load(
        R"({"args": {"early_stopping_patience": 2, "early_stopping_threshold": 0.0}, "attributes": {"early_stopping_patience_counter": 1}})");
    int stopped = 0;
    for (int i = 1; i <= 3 && stopped == 0; ++i)
      if ((evaluate(plugin, "eval_loss", 1 + 0.1 * i, best) & SLW_STOP_TRAINING) != 0) stopped = i;
    EXPECT_EQ(stopped, stops) << best;
  }
}

TEST(EarlyStopping, AStateOfAnotherMetricIsNotCountedOn) {
  const CallbackPlugin loss = early_stopping("early_stopping_patience = 2"),
                       reward = early_stopping(
                           "early_stopping_patience = 2\nmetric_for_best_model = \"reward\"");
  EXPECT_EQ(stops_at(loss, "eval_loss", {1, 2}), 0);
  testing::internal::CaptureStderr();
  reward.load(loss.save());
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("starting to count anew"));
  EXPECT_EQ(stops_at(reward, "eval_reward", {0.5, 0.5}), 0);
}

}  // namespace
}  // namespace slipway
