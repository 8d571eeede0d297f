// The bundled metrics: what each counts, in one batch or in several, and on nothing.
#include <cmath>

#include "plugin/metric.h"
#include "tests/unit/plugins/bundled.h"

namespace slipway {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr int64_t kVocab = 8;

MetricPlugin metric(const std::string& name, const std::string& options = "") {
  return MetricPlugin(bundled(name, options), "");
}

struct Batch {
  std::vector<int64_t> offsets;
  std::vector<int32_t> labels, predictions;
  std::vector<float> logprobs;
};

// Three examples, the second without labels.
const Batch kBatch = {{0, 3, 3, 5}, {1, 2, 2, 5, 1}, {1, 2, 3, 5, 1}, {-1, -2, -3, -1, -0.5F}};

void update(MetricPlugin& plugin, const Batch& batch) {
  slw_metric_batch b{};
  b.struct_size = sizeof b;
  b.examples = static_cast<uint32_t>(batch.offsets.size() - 1);
  b.labels = batch.labels.size();
  b.offsets = batch.offsets.data();
  b.label_ids = batch.labels.data();
  b.logprobs = batch.logprobs.data();
  b.predictions = plugin.wants_predictions() ? batch.predictions.data() : nullptr;
  plugin.update(b);
}

double value_of(MetricPlugin plugin, const std::vector<Batch>& batches) {
  plugin.begin("eval", 3, kVocab);
  for (const Batch& batch : batches) update(plugin, batch);
  return plugin.finish().at(0).second;
}

TEST(Metrics, EachIsWhatItsNameSays) {
  EXPECT_THAT(value_of(metric("accuracy"), {kBatch}), DoubleEq(0.8));
  EXPECT_THAT(value_of(metric("perplexity"), {kBatch}), DoubleEq(std::exp(1.5)));
  // the example without labels counts nothing
  EXPECT_THAT(value_of(metric("exact_match"), {kBatch}), DoubleEq(0.5));
}

// Labels 1 2 2 5 1, predictions 1 2 3 5 1: F1 of 1 and of 5 is 1, of 2 it is 2/3, of 3, which is no
// label, 0.
TEST(Metrics, F1AveragesAsScikitLearn) {
  EXPECT_THAT(value_of(metric("f1"), {kBatch}), DoubleEq((1 + 2.0 / 3 + 0 + 1) / 4));
  EXPECT_THAT(value_of(metric("f1", "average = \"micro\""), {kBatch}), DoubleEq(0.8));
  EXPECT_THAT(value_of(metric("f1", "average = \"weighted\""), {kBatch}),
              DoubleEq((2 * 1 + 2 * 2.0 / 3 + 1 * 1) / 5));
  EXPECT_THAT(value_of(metric("f1", "average = \"binary\"\npos_label = 2"), {kBatch}),
              DoubleEq(2.0 / 3));
  EXPECT_THAT(value_of(metric("f1", "labels = [2, 3, 2]"), {kBatch}), DoubleEq(1.0 / 3));
  // chosen classes count though nothing has them
  EXPECT_THAT(value_of(metric("f1", "labels = [2, 7]"), {kBatch}), DoubleEq(1.0 / 3));
  EXPECT_THAT(value_of(metric("f1", "labels = [2, 3]\naverage = \"micro\""), {kBatch}),
              DoubleEq(2.0 * 1 / (2 + 2)));
}

TEST(Metrics, BatchesAddUp) {
  for (const char* name : {"accuracy", "perplexity", "exact_match", "f1"})
    EXPECT_DOUBLE_EQ(value_of(metric(name), {{{0, 3, 3}, {1, 2, 2}, {1, 2, 3}, {-1, -2, -3}},
                                             {{0, 2}, {5, 1}, {5, 1}, {-1, -0.5F}}}),
                     value_of(metric(name), {kBatch}))
        << name;
}

TEST(Metrics, NothingToMeasureIsNotANumber) {
  for (const char* name : {"accuracy", "perplexity", "exact_match", "f1"})
    EXPECT_TRUE(std::isnan(value_of(metric(name), {}))) << name;
}

TEST(Metrics, WiderAccuracyRanksTheLabel) {
  MetricPlugin plugin = metric("accuracy", "top_k = 2");
  plugin.begin("eval", 2, 4);
  EXPECT_FALSE(plugin.wants_predictions());
  ASSERT_EQ(plugin.reduced_width(), 1U);
  std::vector<float> logits = {4, 3, 2, 1, 4, 3, 2, 1, 1, 1, 1, 1}, reduced(3);
  const std::vector<int32_t> labels = {1, 2, 3};
  int64_t shape[] = {3, 4};
  DLTensor view{};
  view.data = logits.data();
  view.ndim = 2;
  view.shape = shape;
  plugin.reduce({sizeof(slw_metric_logits), 3, &view, labels.data(), {}}, reduced.data());
  EXPECT_THAT(reduced, ElementsAre(1, 2, 0));  // equals are not more likely
  slw_metric_batch b{};
  b.struct_size = sizeof b;
  b.labels = 3;
  b.label_ids = labels.data();
  b.reduced = reduced.data();
  plugin.update(b);
  EXPECT_THAT(plugin.finish(), ElementsAre(Pair("accuracy", DoubleEq(2.0 / 3))));
}

TEST(Metrics, TokensOutsideTheVocabularyAreRefused) {
  MetricPlugin plugin = metric("f1", "labels = [3, 8]");
  EXPECT_THAT(error_of([&] { plugin.begin("eval", 1, kVocab); }),
              HasSubstr("token 8 is not in the model's vocabulary of 8 (OUT_OF_RANGE)"));
  EXPECT_THAT(error_of([] { metric("f1", "labels = [1]\naverage = \"binary\""); }),
              HasSubstr("average = \"binary\" is of pos_label alone"));
}

TEST(Metrics, AHostWithoutPredictionsIsRefused) {
  MetricPlugin plugin = metric("exact_match");
  plugin.begin("eval", 1, kVocab);
  slw_metric_batch b{};
  b.struct_size = offsetof(slw_metric_batch, predictions);
  EXPECT_THAT(error_of([&] { plugin.update(b); }),
              HasSubstr("a batch without predictions (INVALID_ARGUMENT)"));
}

}  // namespace
}  // namespace slipway
