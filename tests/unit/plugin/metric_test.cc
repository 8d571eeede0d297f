// Metric plugins as an evaluation calls them: what they may ask for, and what of their results is
// refused.
#include "plugin/metric.h"

#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

MetricPlugin odd(const char* mode, const char* prefix = "") {
  return {instance(fixture("odd_metric"), option_table("mode", Value::of(std::string(mode)))),
          prefix};
}

slw_metric_batch batch(uint32_t examples) {
  slw_metric_batch out{};
  out.struct_size = sizeof out;
  out.examples = examples;
  out.first_example = 7;
  return out;
}

std::string error_at_begin(const char* mode) {
  MetricPlugin plugin = odd(mode);
  return error_of([&] { plugin.begin("eval", 3, 10); });
}

std::string error_at_finish(const char* mode) {
  MetricPlugin plugin = odd(mode);
  plugin.begin("eval", 3, 10);
  return error_of([&] { plugin.finish(); });
}

TEST(Metric, StateLastsFromBeginToFinish) {
  MetricPlugin plugin = odd("none", "my_");
  for (int evaluation = 0; evaluation < 2; ++evaluation) {
    plugin.begin("eval", 3, 10);
    plugin.update(batch(2));
    plugin.update(batch(1));
    EXPECT_THAT(plugin.finish(), ElementsAre(Pair("my_count", 3)));
  }
}

TEST(Metric, KnowsTheSet) {
  MetricPlugin plugin = odd("set");
  plugin.begin("eval_news", 3, 10);
  EXPECT_THAT(plugin.finish(), ElementsAre(Pair("count", 0), Pair("eval_news", 1)));
}

TEST(Metric, WhatThereIsNotIsRefused) {
  EXPECT_EQ(error_at_begin("greedy"),
            "plugin org.test.odd_metric, begin(): a state of 1099511627776 doubles; at most "
            "134217728 are allowed");
  EXPECT_THAT(
      error_at_begin("newer"),
      HasSubstr(
          "asks for what this host does not know (flags 0x40000000); it needs a newer Slipway"));
  EXPECT_EQ(error_at_begin("wide"),
            "plugin org.test.odd_metric, begin(): reduces logits to 11 values, more than the "
            "vocabulary's 10");
}

TEST(Metric, NamesAreNames) {
  EXPECT_THAT(error_at_finish("nameless"),
              HasSubstr("finish(): \"\" is not a valid name for a metric"));
  EXPECT_THAT(error_at_finish("odd-name"),
              HasSubstr("finish(): \"a b\" is not a valid name for a metric"));
  EXPECT_EQ(error_at_finish("twice"),
            "plugin org.test.odd_metric, finish(): gives \"count\" twice");
}

TEST(Metric, FailuresAreQuoted) {
  MetricPlugin plugin = odd("throws");
  plugin.begin("eval", 3, 10);
  EXPECT_EQ(error_of([&] { plugin.update(batch(1)); }),
            "plugin org.test.odd_metric, update(): lost count at example 7 (DATA_LOSS)");
  MetricPlugin unreducing = odd("unreducing");
  unreducing.begin("eval", 3, 10);
  EXPECT_EQ(
      error_of([&] { unreducing.reduce({}, nullptr); }),
      "plugin org.test.odd_metric, reduce(): asks for logits and has no reduce() (UNIMPLEMENTED)");
}

TEST(Metric, ARewardIsNone) {
  EXPECT_EQ(error_of([] { MetricPlugin(instance(fixture("good")), ""); }),
            "plugin org.test.good does not offer slipway.metric/1");
}

}  // namespace
}  // namespace slipway
