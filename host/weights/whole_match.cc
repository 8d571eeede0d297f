// The calls of PCRE2.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "weights/whole_match.h"

#include <pcre2.h>

#include "base/error.h"

namespace slipway {

struct WholeMatch::Code {
  pcre2_code* code = nullptr;
  Code() = default;
  ~Code() { pcre2_code_free(code); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
};

WholeMatch::WholeMatch(const std::string& pattern, const char* key) : pattern_(pattern) {
  const auto made = std::make_shared<Code>();
  int error = 0;
  PCRE2_SIZE at = 0;
  made->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                             PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &error, &at, nullptr);
  if (made->code == nullptr) {
    PCRE2_UCHAR text[256];
    pcre2_get_error_message(error, text, sizeof text);
    fail("lora.{}: \"{}\" is not a regular expression: {} at character {}", key, pattern,
         reinterpret_cast<const char*>(text), at);
  }
  code_ = made;
}

bool WholeMatch::operator()(std::string_view text) const {
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(
      pcre2_match_data_create_from_pattern(code_->code, nullptr), &pcre2_match_data_free);
  const int found = pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                0, 0, match.get(), nullptr);
  if (found < 0 && found != PCRE2_ERROR_NOMATCH)
    fail("the regular expression \"{}\" takes too much to be held against \"{}\"", pattern_, text);
  return found >= 0;
}

}  // namespace slipway
