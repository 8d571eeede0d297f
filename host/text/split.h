// A compiled Unicode pattern that cuts text, as the tokenizers package's patterns do.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace slipway {

// Thread-safe after construction. \s, \w, \p{L} and the other general categories mean what they
// mean to the tokenizers package, whatever Unicode version PCRE2 has.
class Pattern {
 public:
  explicit Pattern(const std::string& regex, const std::string& origin);  // throws Error
  ~Pattern();
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;

  // Whether an empty text matches: then there are matches between characters, which cut() does not
  // tell of.
  bool matches_empty() const;

  // Calls piece(text, matched) for every match and every run between matches, in order; nothing
  // empty. `text` is valid UTF-8. Throws Error when matching exceeds PCRE2's limits.
  void cut(std::string_view text, const std::function<void(std::string_view, bool)>& piece) const;

 private:
  struct Code;
  std::unique_ptr<Code> code_;
};

// The pattern that matches `text` itself.
std::string literal_pattern(std::string_view text);

}  // namespace slipway
