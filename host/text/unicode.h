// UTF-8, and the character classes that words are cut by.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace slipway {

// Bits of a character's class, as the tokenizers package has them (see unicode_ranges.cc). kNumber
// is what its patterns call \p{N}; kNumeric is what its Digits step takes, by a newer Unicode;
// kWord stops an added token with single_word. kMark is what its StripAccents removes; kNonspacing
// and kControl are what its BertNormalizer does.
enum CharClass : uint16_t {
  kLetter = 1,
  kNumber = 2,
  kNumeric = 4,
  kWord = 8,
  kSpace = 16,
  kPunctuation = 32,
  kMark = 64,
  kNonspacing = 128,
  kControl = 256,
};
uint16_t char_class(char32_t c);

struct CodePoint {
  char32_t value;
  size_t size;  // bytes
};
// The character at byte `at` < text.size(), and the one that ends before byte `end` > 0. `text` is
// valid UTF-8.
CodePoint code_point_at(std::string_view text, size_t at);
CodePoint code_point_before(std::string_view text, size_t end);

void append_code_point(char32_t c, std::string& out);

bool is_valid_utf8(std::string_view text);

// Text with every malformed UTF-8 sequence replaced by U+FFFD, one for each maximal part, as
// decoders agree on.
std::string valid_utf8(std::string_view text);

// Bytes at the end of the text that are the beginning of a character, and may become one with the
// bytes to come: 0 to 3.
size_t unfinished_utf8(std::string_view text);

// The generated tables.
struct UnicodeRange {
  char32_t first, last;
  uint16_t bits;
};
extern const std::span<const UnicodeRange> kUnicodeRanges;  // ascending

// Code points of a general category that Unicode 14 had not assigned.
struct CategoryAddition {
  char category[3];
  char32_t first, last;
};
extern const std::span<const CategoryAddition> kCategoryAdditions;

// Every `step`th capital from first to last; each lies `delta` before its small letter.
struct CaseRange {
  char32_t first, last, step;
  int32_t delta;
};
extern const std::span<const CaseRange> kLowerCase;  // ascending

// Characters that the normal forms leave alone (text/normal_forms.h).
struct CodeRange {
  char32_t first, last;
};
extern const std::span<const CodeRange> kLaterCharacters;  // ascending

}  // namespace slipway
