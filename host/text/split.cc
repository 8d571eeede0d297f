// PCRE2 behind a small face; the only file that sees it.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/split.h"

#include <pcre2.h>

#include "base/error.h"

namespace slipway {

const char* const kGpt2Regex = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

struct Pattern::Code {
  pcre2_code* code = nullptr;
  ~Code() { pcre2_code_free(code); }
};

Pattern::Pattern(const std::string& regex, const std::string& origin) : code_(std::make_unique<Code>()) {
  int error = 0;
  PCRE2_SIZE at = 0;
  code_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex.data()), regex.size(), PCRE2_UTF | PCRE2_UCP, &error,
                              &at, nullptr);
  if (code_->code == nullptr) {
    PCRE2_UCHAR text[256];
    pcre2_get_error_message(error, text, sizeof text);
    fail("{}: the pattern \"{}\" does not compile at {}: {}", origin, regex, at, reinterpret_cast<const char*>(text));
  }
  pcre2_jit_compile(code_->code, PCRE2_JIT_COMPLETE);  // without it the same matches, slower
}

Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;

void Pattern::cut(std::string_view text, const std::function<void(std::string_view, bool)>& piece) const {
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(
      pcre2_match_data_create_from_pattern(code_->code, nullptr), &pcre2_match_data_free);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t done = 0, from = 0;
  while (from <= text.size()) {
    const int found = pcre2_match(code_->code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, match.get(), nullptr);
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0) fail("matching text failed with PCRE2 error {}", found);
    const PCRE2_SIZE* span = pcre2_get_ovector_pointer(match.get());
    if (span[0] > done) piece(text.substr(done, span[0] - done), false);
    if (span[1] > span[0]) piece(text.substr(span[0], span[1] - span[0]), true);
    done = span[1];
    from = span[1] > span[0] ? span[1] : span[1] + 1;
    while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80) ++from;
  }
  if (done < text.size()) piece(text.substr(done), false);
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  for (size_t i = 0; i < text.size();) {
    const unsigned b = byte(i);
    size_t need = b < 0x80 ? 1 : b >= 0xC2 && b < 0xE0 ? 2 : b >= 0xE0 && b < 0xF0 ? 3 : b >= 0xF0 && b < 0xF5 ? 4 : 0;
    size_t good = need == 0 ? 0 : 1;
    while (good > 0 && good < need) {
      const unsigned c = byte(i + good);
      unsigned low = 0x80, high = 0xBF;  // the second byte is narrower after some first ones
      if (good == 1 && b == 0xE0) low = 0xA0;
      if (good == 1 && b == 0xED) high = 0x9F;
      if (good == 1 && b == 0xF0) low = 0x90;
      if (good == 1 && b == 0xF4) high = 0x8F;
      if (i + good >= text.size() || c < low || c > high) break;
      ++good;
    }
    if (need != 0 && good == need) {
      out.append(text.substr(i, need));
      i += need;
    } else {
      out += "\xEF\xBF\xBD";
      i += good == 0 ? 1 : good;
    }
  }
  return out;
}

}  // namespace slipway
