// Loss plugins as the host calls them: values, derivatives, and what is refused.
#include "plugin/loss.h"

#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::FloatEq;
using testing::Pair;

LossPlugin loss_plugin(const std::string& name, const Value& options = {}) {
  return LossPlugin(instance(fixture(name), options));
}
LossPlugin token_loss(const char* what) {
  return loss_plugin("token_loss", option_table("what", Value::of(std::string(what))));
}

// Two tokens of one example.
struct Batch {
  std::vector<int32_t> targets = {4, 7};
  std::vector<float> logprobs = {-1, -2}, log_normalizers = {3, 5};
  std::vector<int64_t> positions = {3, 4}, examples = {0, 0};
  slw_loss_batch told{sizeof(slw_loss_batch),
                      0,
                      12,
                      4,
                      10,
                      2,
                      targets.data(),
                      logprobs.data(),
                      log_normalizers.data(),
                      positions.data(),
                      examples.data(),
                      nullptr,
                      0,
                      1,
                      nullptr};
};

TEST(LossPlugin, TokensGiveTheirShareOfTheMeanAndItsDerivatives) {
  Batch batch;
  std::vector<float> d_logprobs(2), d_normalizers(2);
  Value options = option_table("z", Value::of(0.5));
  const LossPlugin plugin = loss_plugin("token_loss", options);
  EXPECT_FALSE(plugin.takes_logits());
  EXPECT_DOUBLE_EQ(plugin.tokens(batch.told, d_logprobs.data(), d_normalizers.data()),
                   (1 + 2 + 0.5 * 9 + 0.5 * 25) / 4);
  EXPECT_THAT(d_logprobs, ElementsAre(FloatEq(-0.25f), FloatEq(-0.25f)));
  EXPECT_THAT(d_normalizers, ElementsAre(FloatEq(0.75f), FloatEq(1.25f)));
  batch.told.evaluation = 1;
  EXPECT_DOUBLE_EQ(plugin.tokens(batch.told, nullptr, nullptr), (1 + 2 + 0.5 * 9 + 0.5 * 25) / 4);
}

TEST(LossPlugin, NumbersOfADatasetColumnReachTheTokens) {
  Batch batch;
  const double floats[] = {1.5};
  slw_column column{"weight", SLW_FLOAT, 0, {}};
  column.v.floats = floats;
  batch.told.columns = &column;
  batch.told.column_count = 1;
  batch.told.evaluation = 1;
  const LossPlugin plugin = token_loss("weighted");
  EXPECT_DOUBLE_EQ(plugin.tokens(batch.told, nullptr, nullptr), 1.5 * 3 / 4);
  const int64_t whole[] = {2};
  column.type = SLW_INT;
  column.v.ints = whole;
  EXPECT_DOUBLE_EQ(plugin.tokens(batch.told, nullptr, nullptr), 2.0 * 3 / 4);
  const uint8_t missing[] = {0};
  const uint8_t* present[] = {missing};
  batch.told.column_present = present;
  EXPECT_DOUBLE_EQ(plugin.tokens(batch.told, nullptr, nullptr), 3.0 / 4);  // no value: the fallback
  batch.told.column_present = nullptr;
  column.name = "heavy";  // no such column: the fallback
  EXPECT_DOUBLE_EQ(plugin.tokens(batch.told, nullptr, nullptr), 3.0 / 4);
}

TEST(LossPlugin, WhatItReportsIsAveraged) {
  Batch batch;
  batch.told.evaluation = 1;
  const LossPlugin plugin = token_loss("report");
  plugin.tokens(batch.told, nullptr, nullptr);
  EXPECT_THAT(plugin.services().take_scalars(), ElementsAre(Pair("target", 5.5)));
  EXPECT_THAT(plugin.services().take_scalars(), ElementsAre());
}

TEST(LossPlugin, FailuresAreQuoted) {
  Batch batch;
  std::vector<float> one(2), other(2);
  const auto said = [&](const char* what) {
    return error_of([&] { token_loss(what).tokens(batch.told, one.data(), other.data()); });
  };
  EXPECT_EQ(said("error"),
            "plugin org.test.token-loss, tokens(): token 4 has no price (INVALID_ARGUMENT)");
  EXPECT_EQ(said("infinite"), "plugin org.test.token-loss, tokens(): the loss is inf");
  EXPECT_EQ(
      said("steep"),
      "plugin org.test.token-loss, tokens(): the loss is 0, but its derivative at token 1 is inf");
  EXPECT_EQ(said("weighted"), "");
  batch.logprobs[1] = NAN;  // the plugin has only passed it on
  EXPECT_EQ(said("weighted"),
            "the model's log-probabilities are not finite, and so is not what plugin "
            "org.test.token-loss makes of them; lower train.learning_rate or check the data");
  EXPECT_EQ(error_of([] { loss_plugin("short_loss"); }),
            "plugin org.test.short-loss offers slipway.loss/1 without tokens() or logits()");
  EXPECT_EQ(error_of([] { loss_plugin("good"); }),
            "plugin org.test.good does not offer slipway.loss/1");
}

TEST(LossPlugin, LogitsAreReplacedByTheDerivatives) {
  Batch batch;
  batch.told.vocab_size = 8;
  std::vector<float> logits(16, 0.0f);
  const LossPlugin plugin = loss_plugin("logits_loss");
  EXPECT_TRUE(plugin.takes_logits());
  EXPECT_NEAR(plugin.logits(batch.told, logits.data()), 2 * std::log(8.0) / 4, 1e-12);
  EXPECT_THAT(std::vector<float>(logits.begin(), logits.begin() + 5),
              ElementsAre(0.03125f, 0.03125f, 0.03125f, 0.03125f, FloatEq(0.03125f - 0.25f)));
}

}  // namespace
}  // namespace slipway
