// Characters as Python's str knows them.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace slipway::jinja {

// Bytes of white space (str.isspace) at the beginning, and at the end, of valid UTF-8.
size_t leading_space(std::string_view text);
size_t trailing_space(std::string_view text);
bool is_space(char32_t c);

// Where the character at `at` ends.
size_t next_character(std::string_view text, size_t at);
size_t count_characters(std::string_view text);

// What a string of a template's source says, its escapes replaced. Throws Error on \N{...} and on
// escapes that are malformed.
std::string unescaped(std::string_view literal);
void append_utf8(char32_t c, std::string& out);

// One character in capitals, or small. Throws Error on one that becomes several, or something else
// by what stands around it.
char32_t upper_of(char32_t c);
char32_t lower_of(char32_t c);
char32_t title_of(char32_t c);
// Letters (str.isalpha), decimal digits (str.isdecimal).
bool is_letter(char32_t c);
bool is_decimal(char32_t c);
bool has_case(char32_t c);
bool is_capital(char32_t c);
// Whether repr() shows it as it is.
bool is_printable(char32_t c);

}  // namespace slipway::jinja
