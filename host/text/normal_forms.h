// Unicode's normal forms and lower case, as the tokenizers package has them.
#pragma once
#include <string>
#include <string_view>

namespace slipway {

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

// `text`, valid UTF-8, in a normal form. Characters that the package's Unicode does not know stay
// as they are, and nothing moves across them, whatever Unicode utf8proc has.
std::string normal_form(std::string_view text, NormalForm form);

// Every character's small letter, one by one: no final sigma.
std::string lower_case(std::string_view text);

// The end of what a reader takes for one character, a grapheme, that begins at byte `at`.
size_t grapheme_end(std::string_view text, size_t at);

}  // namespace slipway
