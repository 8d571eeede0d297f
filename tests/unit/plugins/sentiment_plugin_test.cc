// The sentiment reward through the plugin boundary: its options, its faults, and values of the
// vaderSentiment package.
#include <cstdlib>

#include "tests/unit/plugins/bundled.h"

namespace slipway {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;

std::string asset(const char* name) {
  const char* folder = std::getenv("SLIPWAY_ASSETS");
  return (fs::absolute(folder != nullptr ? folder : "build/assets") / name).string();
}
std::string options(const std::string& lexicon, const std::string& emoji,
                    const std::string& score) {
  return fmt::format("lexicon = \"{}\"\nemoji_lexicon = \"{}\"\nscore = \"{}\"\n", lexicon, emoji,
                     score);
}
RewardPlugin sentiment(const std::string& score) {
  return RewardPlugin(bundled("sentiment", options(asset("vader_lexicon.txt"),
                                                   asset("emoji_utf8_lexicon.txt"), score)),
                      1.0);
}

TEST(SentimentPlugin, RowsKeepTheirOrder) {  // numbers from tests/parity/data/sentiment_edges.txt
  const auto near = [](double value) { return DoubleNear(value, 0.51e-4); };
  EXPECT_THAT(
      sentiment("compound")
          .score(rows({"good", "bad", "yeah right it is great", "", "isn't good", "good"}), 1,
                 false),
      ElementsAre(near(0.4404), near(-0.5423), near(0.743), 0, near(-0.3412), near(0.4404)));
}

TEST(SentimentPlugin, EachScoreIsItsColumn) {
  const auto of_it = [](const char* which) {
    return sentiment(which).score(rows({"no bad or good"}), 1, false)[0];
  };
  EXPECT_NEAR(of_it("compound"), 0.1139, 0.51e-4);
  EXPECT_NEAR(of_it("positive"), 0.393, 0.51e-3);
  EXPECT_NEAR(of_it("negative"), 0.332, 0.51e-3);
  EXPECT_NEAR(of_it("neutral"), 0.276, 0.51e-3);
  EXPECT_THAT(error_of([&] { of_it("mixed"); }),
              HasSubstr("compound, positive, negative, neutral"));
}

TEST(SentimentPlugin, ItsWordsComeWithIt) {  // from whatever folder it is run
  const fs::path before = fs::current_path();
  fs::current_path(scratch());
  const RewardPlugin plugin(bundled("sentiment", ""), 1.0);
  fs::current_path(before);
  EXPECT_THAT(plugin.score(rows({"good", "\U0001F60A"}), 1, false),
              ElementsAre(DoubleNear(0.4404, 0.51e-4), testing::Gt(0)));
}

TEST(SentimentPlugin, ThePromptIsNotScored) {
  const std::vector<ScoredRow> batch = {{"terrible horrible awful", "", {1}, {}, 0, true},
                                        {"good", "the table", {1}, {2}, 0, true}};
  EXPECT_THAT(sentiment("compound").score(batch, 1, false), ElementsAre(0, 0));
}

TEST(SentimentPlugin, ALexiconOfOnesOwn) {
  const fs::path folder = scratch();
  write_file_durably(folder / "words.txt", "slipway\t4.0\t0\t[]\nrust\t-4.0\t0\t[]\n");
  write_file_durably(folder / "emoji.txt", "\U0001F6A2\tslipway\n");
  const RewardPlugin plugin(
      bundled("sentiment", options((folder / "words.txt").string(), (folder / "emoji.txt").string(),
                                   "compound")),
      1.0);
  const double four = 4 / std::sqrt(4 * 4 + 15.0);
  const auto near = DoubleNear(four, 1e-4);
  EXPECT_THAT(plugin.score(rows({"slipway", "\U0001F6A2", "good"}), 1, false),
              ElementsAre(near, near, 0));
  EXPECT_NEAR(plugin.score(rows({"rust"}), 1, false)[0], -four, 1e-4);
}

TEST(SentimentPlugin, AFileThatCannotBeReadIsNamed) {
  const fs::path folder = scratch();
  write_file_durably(folder / "empty.txt", "");
  const auto error = [](const std::string& lexicon, const std::string& emoji) {
    return error_of([&] { bundled("sentiment", options(lexicon, emoji, "compound")); });
  };
  const std::string words = asset("vader_lexicon.txt"), emoji = asset("emoji_utf8_lexicon.txt");
  EXPECT_EQ(error(words, emoji), "");
  for (const fs::path& bad : {folder / "nowhere.txt", folder, folder / "empty.txt"}) {
    EXPECT_THAT(error(bad.string(), emoji),
                testing::AllOf(HasSubstr("cannot read \"" + bad.string() + "\""),
                               HasSubstr("\"lexicon\"")));
    EXPECT_THAT(error(words, bad.string()),
                testing::AllOf(HasSubstr("cannot read \"" + bad.string() + "\""),
                               HasSubstr("\"emoji_lexicon\"")));
  }
}

TEST(SentimentPlugin, AMalformedLexiconIsRefusedWithTheLine) {
  const fs::path folder = scratch();
  const auto error = [&](const std::string& text) {
    write_file_durably(folder / "words.txt", text);
    return error_of([&] {
      bundled("sentiment", options((folder / "words.txt").string(), asset("emoji_utf8_lexicon.txt"),
                                   "compound"));
    });
  };
  EXPECT_THAT(error("good\t1.9\nbad\n"), HasSubstr("vader_lexicon.txt:2"));
  EXPECT_THAT(error("good\t1.9\nbad\tvery\n"), HasSubstr("vader_lexicon.txt:2"));
}

}  // namespace
}  // namespace slipway
