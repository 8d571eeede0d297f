// What is left to draw from is what transformers leaves (tests/parity/record_sampling.py).
#include "generate/logit_rules.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/files.h"
#include "base/json.h"
#include "generate/sampling.h"
#include "tests/unit/largest.h"

namespace slipway {
namespace {

// The share of each token, over evenly spread numbers.
std::vector<double> drawn_shares(const std::vector<float>& logits, const SamplingSettings& how) {
  constexpr int kDraws = 20'000;
  std::vector<double> out(logits.size());
  std::vector<float> scratch;
  for (int i = 0; i < kDraws; ++i)
    out[static_cast<size_t>(sample_token(logits.data(), static_cast<int64_t>(logits.size()), how,
                                         (i + 0.5) / kDraws, scratch)
                                .token)] += 1.0 / kDraws;
  return out;
}

TEST(LogitRules, SharesAreThoseOfTransformers) {
  const Json recorded =
      parse_json(read_file("tests/parity/data/sampling.json"), "tests/parity/data/sampling.json");
  const auto ends = recorded.at("end_tokens").get<std::vector<int32_t>>();
  double largest = 0;
  for (const Json& each : recorded.at("cases")) {
    const Json& given = each.at("settings");
    const LogitRules rules{given.value("repetition_penalty", 1.0),
                           given.value("min_new_tokens", int64_t{0})};
    const SamplingSettings how{given.value("temperature", 1.0), given.value("top_k", int64_t{0}),
                               given.value("top_p", 1.0), given.value("min_p", 0.0)};
    auto logits = each.at("logits").get<std::vector<float>>();
    apply_rules(rules, each.at("prompt").get<std::vector<int32_t>>(),
                each.at("answer").get<std::vector<int32_t>>(), ends, logits);
    const auto wanted = each.at("share").get<std::vector<double>>();
    const std::vector<double> got = drawn_shares(logits, how);
    for (size_t t = 0; t < wanted.size(); ++t) {
      largest = largest_of({largest, std::abs(got[t] - wanted[t])});
      if (wanted[t] == 0) {
        EXPECT_EQ(got[t], 0) << given << ", token " << t;
      }
    }
  }
  std::printf("largest difference of a share: %.1e\n", largest);
  EXPECT_LT(largest, 1.01e-4);  // two draws of 20,000
}

}  // namespace
}  // namespace slipway
