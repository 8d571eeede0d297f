// Drawing a token: frequencies, restrictions, edges.
#include "generate/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/random.h"

namespace slipway {
namespace {

int32_t draw(const std::vector<float>& logits, const SamplingSettings& settings, double u) {
  std::vector<float> scratch;
  return sample_token(logits.data(), static_cast<int64_t>(logits.size()), settings, u, scratch)
      .token;
}

TEST(Sampling, FrequenciesFollowTheSoftmax) {
  const std::vector<float> logits = {1.0f, 0.0f, -1.0f, 2.0f, 0.5f};
  const double temperature = 0.7;
  std::vector<double> expected;
  double total = 0;
  for (const float x : logits)
    total += expected.emplace_back(std::exp(static_cast<double>(x) / temperature));
  constexpr int kDraws = 200000;
  std::vector<double> counts(logits.size());
  for (uint32_t i = 0; i < kDraws; ++i)
    counts[static_cast<size_t>(draw(logits, {temperature}, uniform(9, {0, 0, 0, i})))] += 1;
  double chi2 = 0;
  for (size_t t = 0; t < logits.size(); ++t) {
    const double e = kDraws * expected[t] / total;
    chi2 += (counts[t] - e) * (counts[t] - e) / e;
  }
  std::printf("chi-square with 4 degrees of freedom: %.2f\n", chi2);
  EXPECT_LT(chi2, 18.5);  // p = 0.001
}

TEST(Sampling, EveryPointOfTheUnitIntervalSelectsByCumulativeMass) {
  const std::vector<float> logits(1000, 0.0f);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(draw(logits, {}, (i + 0.5) / 1000), i);
  EXPECT_EQ(draw(logits, {}, 0.0), 0);
  EXPECT_EQ(draw(logits, {}, std::nextafter(1.0, 0.0)), 999);
}

TEST(Sampling, GreedyTakesTheFirstOfEquals) {
  EXPECT_EQ(draw({0, 3, 3, 1}, {.temperature = 0}, 0.99), 1);
}

TEST(Sampling, TopKAndTopP) {
  const std::vector<float> logits = {std::log(0.1f), std::log(0.4f), std::log(0.2f),
                                     std::log(0.3f)};
  for (int i = 0; i < 100; ++i) {
    const int32_t k = draw(logits, {.top_k = 2}, i / 100.0);
    EXPECT_TRUE(k == 1 || k == 3);
    // 0.4 + 0.3 < 0.75: the third is needed
    const int32_t p = draw(logits, {.top_p = 0.75}, i / 100.0);
    EXPECT_NE(p, 0);
    EXPECT_EQ(draw(logits, {.top_p = 1e-9}, i / 100.0), 1);
  }
  EXPECT_EQ(draw(logits, {.top_k = 100}, 0.999), draw(logits, {.top_k = 4}, 0.999));
}

TEST(Sampling, ADrawTakesTheTokenWhoseShareItFallsIn) {
  const std::vector<float> logits = {std::log(0.1f), std::log(0.4f), std::log(0.2f),
                                     std::log(0.3f)};
  // Largest first: 1 has 4/9 of what three tokens hold, 3 has 3/9, 2 has 2/9.
  const auto drawn = [&](double u) { return draw(logits, {.top_k = 3}, u); };
  EXPECT_EQ(drawn(0), 1);
  EXPECT_EQ(drawn(4.0 / 9 - 1e-6), 1);
  EXPECT_EQ(drawn(4.0 / 9 + 1e-6), 3);
  EXPECT_EQ(drawn(7.0 / 9 - 1e-6), 3);
  EXPECT_EQ(drawn(7.0 / 9 + 1e-6), 2);
  EXPECT_EQ(drawn(std::nextafter(1.0, 0.0)), 2);
}

TEST(Sampling, TopPIsAShareOfWhatTopKLeaves) {
  const std::vector<float> logits = {std::log(0.1f), std::log(0.4f), std::log(0.2f),
                                     std::log(0.3f)};
  EXPECT_EQ(draw(logits, {.top_k = 2, .top_p = 0.55}, 0.99), 1);  // 0.4 of 0.7 is enough
  EXPECT_EQ(draw(logits, {.top_k = 2, .top_p = 0.6}, 0.99), 3);
  EXPECT_EQ(draw(logits, {.top_p = 0.45}, 0.99), 3);  // of all
}

TEST(Sampling, HugeAndNegativeLogitsAreNoTrouble) {
  EXPECT_EQ(draw({1e30f, -1e30f, 0}, {}, 0.7), 0);
  EXPECT_EQ(draw({-INFINITY, 5, -INFINITY}, {}, 0.99), 1);
}

TEST(Sampling, NoMassAtAllDrawsTheLargest) {
  for (const double u : {0.0, 0.3, 0.999}) {
    EXPECT_EQ(draw({1, 5, 5, 2}, {.top_p = 0}, u), 1);
    EXPECT_EQ(draw({1, 5, 5, 2}, {.top_k = 3, .top_p = 0}, u), 1);
  }
}

TEST(Sampling, ATemperatureTooSmallToDivideByIsGreedy) {
  std::vector<float> scratch;
  const std::vector<float> logits = {-2, 1.5f, 1.5f, 1.25f};
  const Drawn greedy = sample_token(logits.data(), 4, {.temperature = 0}, 0.9, scratch);
  EXPECT_EQ(greedy.token, 1);
  for (const double temperature : {2.9e-39, 1e-40, 1e-300, 5e-324}) {
    EXPECT_TRUE(SamplingSettings{.temperature = temperature}.greedy()) << temperature;
    const Drawn drawn = sample_token(logits.data(), 4, {.temperature = temperature}, 0.9, scratch);
    EXPECT_EQ(drawn.token, greedy.token) << temperature;
    EXPECT_EQ(drawn.logprob, greedy.logprob) << temperature;
  }
  EXPECT_FALSE(SamplingSettings{.temperature = 3e-39}.greedy());
  for (const double temperature : {3e-39, 1e-30, 1e-5})
    EXPECT_EQ(draw({-2, 1.25f, 1.5f, 1}, {.temperature = temperature}, 0.9), 2) << temperature;
}

TEST(Sampling, LogitsThatAreNotFiniteDrawNothing) {
  const float nan = NAN, inf = INFINITY;
  std::vector<float> scratch;
  for (const int64_t size : {5, 200, 1000})
    for (const int64_t at : {int64_t{0}, int64_t{3}, size / 2, size - 1})
      for (const float broken : {nan, inf})
        for (const SamplingSettings& settings :
             {SamplingSettings{}, SamplingSettings{.temperature = 0},
              SamplingSettings{.temperature = 0.5}, SamplingSettings{.top_k = 3},
              SamplingSettings{.top_p = 0.9}}) {
          std::vector<float> logits(static_cast<size_t>(size), 0.25f);
          logits[static_cast<size_t>(at)] = broken;
          EXPECT_TRUE(std::isnan(sample_token(logits.data(), size, settings, 0.4, scratch).logprob))
              << size << " " << at << " " << broken;
        }
  const std::vector<float> none(300, -inf);
  EXPECT_TRUE(std::isnan(sample_token(none.data(), 300, {}, 0.4, scratch).logprob));
  EXPECT_TRUE(std::isnan(sample_token(none.data(), 300, {.temperature = 0}, 0.4, scratch).logprob));
  std::vector<float> forbidden(300, -inf);  // all but one: as good as any logits
  forbidden[170] = 1;
  EXPECT_EQ(sample_token(forbidden.data(), 300, {}, 0.4, scratch).token, 170);
  EXPECT_EQ(sample_token(forbidden.data(), 300, {}, 0.4, scratch).logprob, 0.0f);
}

}  // namespace
}  // namespace slipway
