// Reward: how kind a completion is, by VADER's compound score.
#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "slipway/plugin.hpp"
#include "vader.h"

namespace {

// A file that comes with this plugin: in the folder of its name, beside it, wherever it was
// carried.
std::string own_file(const char* name) {
  Dl_info here{};
  if (dladdr(reinterpret_cast<const void*>(&own_file), &here) == 0) return name;
  const std::filesystem::path plugin = std::filesystem::absolute(here.dli_fname);
  return (plugin.parent_path() / plugin.stem() / name).string();
}

std::string read(slipway::Config c, const char* option, const char* own) {
  const std::string given(c.text(option)), path = given.empty() ? own_file(own) : given;
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
      SLW_PATH, "lexicon",
      "A lexicon of your own in place of vader_lexicon.txt, which comes with the plugin.", "\"\"");
  static constexpr slw_option emoji =
      slipway::option(SLW_PATH, "emoji_lexicon",
                      "Descriptions of emoji of your own in place of emoji_utf8_lexicon.txt, which "
                      "comes with the plugin.",
                      "\"\"");
  static constexpr const char* kScores[] = {"compound", "positive", "negative", "neutral", nullptr};
  static constexpr slw_option score_option =
      slipway::option(SLW_STRING, "score", "Which of VADER's scores is the reward.", "\"compound\"",
                      nullptr, nullptr, kScores);
  static constexpr const slw_option* options[] = {&lexicon, &emoji, &score_option, nullptr};

  explicit Sentiment(slipway::Config c)
      : analyzer_(read(c, "lexicon", "vader_lexicon.txt"),
                  read(c, "emoji_lexicon", "emoji_utf8_lexicon.txt")),
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
