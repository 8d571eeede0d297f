// GPT-2's words, by hand.
#include "text/gpt2_words.h"

#include "text/unicode.h"

namespace slipway {
namespace {

uint16_t kind_at(std::string_view text, size_t at, size_t& size) {
  const CodePoint c = code_point_at(text, at);
  size = c.size;
  return static_cast<uint16_t>(char_class(c.value) & (kLetter | kNumber | kSpace));
}

size_t contraction(std::string_view rest) {
  for (const std::string_view each : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (rest.starts_with(each)) return each.size();
  return 0;
}

// The end of the run of one kind that starts at `at`; `last`: where its last character starts.
size_t run_end(std::string_view text, size_t at, uint16_t kind, size_t& last) {
  size_t size = 0;
  last = at;
  while (at < text.size() && kind_at(text, at, size) == kind) {
    last = at;
    at += size;
  }
  return at;
}

size_t word_end(std::string_view text, size_t at) {
  if (text[at] == '\'')
    if (const size_t size = contraction(text.substr(at)); size != 0) return at + size;
  size_t size = 0, last = 0, start = at;
  uint16_t kind = kind_at(text, start, size);
  if (text[at] == ' ' && at + 1 < text.size() && kind_at(text, at + 1, size) != kSpace)
    kind = kind_at(text, start = at + 1, size);
  const size_t end = run_end(text, start, kind, last);
  // White space before a word leaves that word its last character, unless it is all there is.
  return kind == kSpace && end < text.size() && last > at ? last : end;
}

}  // namespace

void cut_gpt2_words(std::string_view text, const std::function<void(std::string_view)>& word) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = word_end(text, at);
    word(text.substr(at, end - at));
    at = end;
  }
}

}  // namespace slipway
