// Reward: how kind a completion is, by VADER's compound score.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "slipway/plugin.hpp"
#include "vader.h"

namespace {

std::string read(const std::string& path, const char* option) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || !text)  // a folder opens, and gives nothing
    throw slipway::Error(SLW_NOT_FOUND, "cannot read \"" + path + "\"; set option \"" + option +
                                            "\" to the file from the vaderSentiment package");
  return text.str();
}

struct Sentiment : slipway::Reward<Sentiment> {
  static constexpr auto id = "org.slipway.reward.sentiment", name = "Sentiment", version = "1.0.0",
                        license = "Apache-2.0",
                        help = "VADER sentiment of the completion, from -1 (hostile) to 1 (kind).";
  static constexpr slw_option lexicon = slipway::option(
      SLW_PATH, "lexicon", "The lexicon: vader_lexicon.txt.", "\"build/assets/vader_lexicon.txt\"");
  static constexpr slw_option emoji =
      slipway::option(SLW_PATH, "emoji_lexicon", "Descriptions of emoji: emoji_utf8_lexicon.txt.",
                      "\"build/assets/emoji_utf8_lexicon.txt\"");
  static constexpr const char* kScores[] = {"compound", "positive", "negative", "neutral", nullptr};
  static constexpr slw_option score_option =
      slipway::option(SLW_STRING, "score", "Which of VADER's scores is the reward.", "\"compound\"",
                      nullptr, nullptr, kScores);
  static constexpr const slw_option* options[] = {&lexicon, &emoji, &score_option, nullptr};

  explicit Sentiment(slipway::Config c)
      : analyzer_(read(std::string(c.text("lexicon")), "lexicon"),
                  read(std::string(c.text("emoji_lexicon")), "emoji_lexicon")),
        which_(c.text("score")) {}

  double score(const slipway::Sample& s) const {
    const vader::Scores scores = analyzer_.score(s.completion);
    return which_ == "positive"   ? scores.positive
           : which_ == "negative" ? scores.negative
           : which_ == "neutral"  ? scores.neutral
                                  : scores.compound;
  }

 private:
  vader::Analyzer analyzer_;
  std::string which_;
};

}  // namespace

SLW_EXPORT_REWARD(Sentiment);
