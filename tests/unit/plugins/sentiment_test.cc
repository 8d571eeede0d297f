// VADER against the numbers of the vaderSentiment package (tests/parity/record_sentiment.py).
#include "plugins/rewards/sentiment/vader.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <sstream>

#include "base/files.h"
#include "tests/unit/largest.h"

namespace {

std::string asset(const char* name) {
  const char* folder = std::getenv("SLIPWAY_ASSETS");
  return slipway::read_file(slipway::fs::path(folder != nullptr ? folder : "build/assets") / name);
}

const vader::Analyzer& analyzer() {
  static const vader::Analyzer instance(asset("vader_lexicon.txt"),
                                        asset("emoji_utf8_lexicon.txt"));
  return instance;
}

TEST(Sentiment, EqualsThePackageOnEverySnippet) {
  std::istringstream snippets(asset("movieReviewSnippets_GroundTruth.txt"));
  std::istringstream expected(slipway::read_file("tests/parity/data/sentiment_snippets.txt"));
  double largest = 0;
  size_t count = 0;
  for (std::string line, value; std::getline(snippets, line); ++count) {
    ASSERT_TRUE(std::getline(expected, value));
    while (!line.empty() && line.back() == '\r') line.pop_back();
    const std::string text = line.substr(line.find('\t', line.find('\t') + 1) + 1);
    const double difference = std::fabs(analyzer().score(text).compound - std::stod(value));
    EXPECT_LE(difference, 1e-4) << text;
    largest = slipway::largest_of({largest, difference});
  }
  std::printf("%zu snippets, largest difference of compound %.2g (the record is rounded to 1e-4)\n",
              count, largest);
  EXPECT_EQ(count, 10605u);
}

TEST(Sentiment, EqualsThePackageOnEdgeCases) {
  std::istringstream rows(slipway::read_file("tests/parity/data/sentiment_edges.txt"));
  double largest = 0;
  size_t count = 0;
  for (std::string row; std::getline(rows, row); ++count) {
    std::istringstream columns(row);
    double compound = 0, positive = 0, negative = 0, neutral = 0;
    columns >> compound >> positive >> negative >> neutral;
    size_t at = 0;
    for (int tab = 0; tab < 4; ++tab) at = row.find('\t', at) + 1;
    const std::string text = row.substr(at);
    const vader::Scores ours = analyzer().score(text);
    EXPECT_NEAR(ours.compound, compound, 0.51e-4) << text;
    EXPECT_NEAR(ours.positive, positive, 0.51e-3) << text;
    EXPECT_NEAR(ours.negative, negative, 0.51e-3) << text;
    EXPECT_NEAR(ours.neutral, neutral, 0.51e-3) << text;
    largest = slipway::largest_of({largest, std::fabs(ours.compound - compound)});
  }
  std::printf("%zu edge cases, largest difference of compound %.2g\n", count, largest);
  EXPECT_GT(count, 500u);
}

}  // namespace
