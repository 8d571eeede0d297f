// Regular expressions for whole names, as re.fullmatch() of Python has them. PCRE2 stays behind
// this header.
#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace slipway {

class WholeMatch {
 public:
  // Throws Error naming `key` where the pattern is not valid.
  WholeMatch(const std::string& pattern, const char* key);

  // Whether the pattern is all of the text. Throws Error where that takes too much to tell.
  bool operator()(std::string_view text) const;

 private:
  struct Code;
  std::shared_ptr<const Code> code_;
  std::string pattern_;
};

}  // namespace slipway
