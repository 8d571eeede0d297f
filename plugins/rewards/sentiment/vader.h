// VADER: sentiment of English text by lexicon and rules (Hutto and Gilbert, ICWSM 2014), equal to
// the Python package vaderSentiment 3.3.2, its quirks included. Case is folded for ASCII, Latin-1,
// Greek and Cyrillic letters. The rules and the lexicons are C.J. Hutto's: LICENSE.vader.txt.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace vader {

struct Scores {
  // compound in [-1, 1]; the others sum to 1
  double compound = 0, positive = 0, negative = 0, neutral = 0;
};

class Analyzer {
 public:
  // The texts of vader_lexicon.txt and emoji_utf8_lexicon.txt. Throws std::runtime_error on a
  // malformed line.
  Analyzer(std::string_view lexicon, std::string_view emoji);

  Scores score(std::string_view text) const;  // UTF-8; thread-safe

 private:
  struct Words;
  std::string spell_out_emoji(std::string_view text) const;
  double valence(const Words& words, size_t i) const;
  double modified(const Words& words, size_t i, double valence) const;
  bool known(const std::string& lower) const { return lexicon_.count(lower) != 0; }

  std::unordered_map<std::string, double> lexicon_;
  std::unordered_map<std::string, std::string> emoji_;
};

}  // namespace vader
