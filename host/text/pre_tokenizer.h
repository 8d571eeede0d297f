// The pre-tokenizer: the steps that cut text into the words that byte-pair encoding works on.
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
  // From the "pre_tokenizer" of a tokenizer.json: ByteLevel, Digits, Split, or a Sequence of them,
  // or null. Throws Error naming `origin`.
  PreTokenizer(const Json& description, const std::string& origin);

  // Calls word(piece) in order, as bytes of the text. Valid only during the call. Thread-safe.
  void cut(std::string_view text, const std::function<void(std::string_view)>& word) const {
    cut_from(0, text, word);
  }

 private:
  enum class Kind { kGpt2Words, kWhole, kDigits, kDigitRuns, kPattern };
  enum class Behavior { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };
  struct Step {
    Kind kind;
    bool prefix_space = false, invert = false;
    Behavior behavior = Behavior::kIsolated;
    std::optional<Pattern> pattern = {};
  };
  void add(const Json& description, const std::string& origin);
  static Step split_step(const Json& description, const std::string& origin);
  void cut_from(size_t step, std::string_view text,
                const std::function<void(std::string_view)>& word) const;
  static void cut_pattern(const Step& step, std::string_view text,
                          const std::function<void(std::string_view)>& piece);

  std::vector<Step> steps_;
};

}  // namespace slipway
