// One text for another, or for what a pattern matches: the step Replace of normalizers and
// decoders.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "text/split.h"

namespace slipway {

class Replacement {
 public:
  // From a step's "pattern", with a String or a Regex, and "content". `what` names the step. Throws
  // Error naming `origin`.
  Replacement(const Json& description, const char* what, const std::string& origin);

  // `text` is valid UTF-8. Thread-safe.
  std::string apply(std::string_view text) const;
  // Whether what stands first in `text` becomes nothing.
  bool removes_beginning(std::string_view text) const;

 private:
  std::string literal_;  // "" = the pattern
  std::optional<Pattern> pattern_;
  std::string content_;
};

// `text` with every `from` (not empty) as `to`.
std::string replaced(std::string_view text, std::string_view from, std::string_view to);

}  // namespace slipway
