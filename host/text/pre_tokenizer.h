// The pre-tokenizer: the steps that cut text into the words that the model makes tokens of.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/split.h"

namespace slipway {

class PreTokenizer {
 public:
  PreTokenizer() = default;
  // From the "pre_tokenizer" of a tokenizer.json, or null. Throws Error naming `origin`, the step
  // and what is supported.
  PreTokenizer(const Json& description, const std::string& origin);

  // Calls word(piece) in order, in the vocabulary's alphabet; nothing empty. `text` is valid UTF-8;
  // `first`: it is what the whole text begins with. Valid only during the call. Thread-safe.
  void cut(std::string_view text, bool first,
           const std::function<void(std::string_view)>& word) const {
    Words words{word, {}};
    cut_from(0, text, first, words);
  }

 private:
  using Piece = std::function<void(std::string_view)>;
  enum class Kind {
    kGpt2Words,
    kSpacePrefix,  // a space before a text that has none
    kAlphabet,     // bytes as GPT-2's stand-ins
    kPattern,      // cut where a pattern matches
    kClass,        // cut where a character is of a class, each for itself
    kCharacter,    // cut where a character stands
    kWords,        // runs of word characters, and of those that are neither that nor space
    kMark,         // Metaspace: marks for spaces, and one before the text
  };
  enum class Behavior { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };
  enum class Prepend { kNever, kFirst, kAlways };
  struct Step {
    Kind kind;
    Behavior behavior = Behavior::kIsolated;
    bool invert = false;
    uint16_t char_class = 0;              // kClass
    Prepend prepend = Prepend::kNever;    // kMark
    std::string character = {};           // kCharacter, kMark
    std::optional<Pattern> pattern = {};  // kPattern
  };
  void add(const Json& description, const std::string& origin);
  void add_metaspace(const Json& description, const std::string& origin);
  void add_byte_level(const Json& description);
  static Step split_step(const Json& description, const std::string& origin);
  static Behavior behavior_of(const Json& description, const char* otherwise,
                              const std::string& origin);
  struct Words {
    const Piece& word;
    std::string scratch;  // of the last step: one for all words
  };
  void cut_from(size_t step, std::string_view text, bool first, Words& words) const;
  static void cut_matches(const Step& step, std::string_view text, const Piece& piece);
  static void match(const Step& step, std::string_view text,
                    const std::function<void(std::string_view, bool)>& part);

  std::vector<Step> steps_;
};

}  // namespace slipway
