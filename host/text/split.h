// Cutting text into the words that byte-pair encoding works on.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace slipway {

// A compiled Unicode pattern. Thread-safe after construction.
class Pattern {
 public:
  explicit Pattern(const std::string& regex, const std::string& origin);  // throws Error
  ~Pattern();
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;

  // Calls piece(text, matched) for every match and every run between matches, in order; nothing empty. `text` is valid UTF-8.
  void cut(std::string_view text, const std::function<void(std::string_view, bool)>& piece) const;

 private:
  struct Code;
  std::unique_ptr<Code> code_;
};

// GPT-2's words: contractions, letters, digits, punctuation, each with a leading space; then white space.
extern const char* const kGpt2Regex;

// Text with every malformed UTF-8 sequence replaced by U+FFFD, one for each maximal part, as decoders agree on.
std::string valid_utf8(std::string_view text);

}  // namespace slipway
