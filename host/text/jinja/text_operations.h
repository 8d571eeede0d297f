// What methods and filters have in common that work on texts. Marks stay with their characters.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "text/jinja/interpreter.h"

namespace slipway::jinja {

// Without white space, or without the characters of `set`, at its ends.
MarkedText stripped(const MarkedText& text, const std::optional<std::string>& set, bool left,
                    bool right);
// str.split(). `most` < 0 = everywhere; `from_right` counts from the end.
std::vector<MarkedText> split_by_space(const MarkedText& text, int64_t most);
std::vector<MarkedText> split_by(const MarkedText& text, const std::string& by, int64_t most,
                                 bool from_right);
std::vector<MarkedText> lines_of(const MarkedText& text, bool keep_ends);
// Markup escapes what it is replaced by, as markupsafe does.
Value replaced(Interpreter& run, const String& self, const String& before, const String& after,
               int64_t most);
// `side`: -1 = the text left, 0 = in the middle, 1 = right.
MarkedText widened(Interpreter& run, const MarkedText& text, int64_t width, const std::string& fill,
                   int side);
// str.format() with {}, {0} and {name}; throws Error on more.
MarkedText formatted(Interpreter& run, const MarkedText& form, const Arguments& given);

enum class Casing { kUpper, kLower, kCapitalize, kTitle, kSwap };
MarkedText cased(const MarkedText& text, Casing casing);

enum class CharacterTest {
  kSpace,
  kLetter,
  kDigit,
  kDecimal,
  kLetterOrDigit,
  kUpper,
  kLower,
  kAscii
};
// Whether all are, and there is one. Throws Error on digits that are no decimal ones.
bool all_characters(const std::string& text, CharacterTest test);

}  // namespace slipway::jinja
