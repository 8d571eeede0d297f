// Text of the report: escaping, numbers and durations as people read them, widths for laying out
// SVG.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace slipway::report {

// & < > " ' as entities, fit for element content and quoted attributes. Takes valid UTF-8 (see
// clean_text).
std::string escape(std::string_view text);

// `value` with about `digits` significant digits: 0.754, 12,400, 5e-5; "–" for NaN.
std::string number_text(double value, int digits = 3);

// `value` with no more digits than tell it, at most five: 0.05, 5, 1,000, 3.1e-5.
std::string plain_text(double value);

// `value` with a sign and two decimals, or as many as show its first digit: +0.64, −0.10, +0.005.
std::string signed_text(double value);

// Two values and the change between them, with as many decimals as the change needs to be seen:
// 0.014, 0.019, +0.005. A change that is no more than rounding is "±0".
struct ChangeText {
  std::string from, to, change;
};
ChangeText change_text(double from, double to);

// Groups of three: 12,400. Rounds to a whole number.
std::string whole_text(double value);

// 48 s, 6 min 28 s, 3 h 05 min, 2 d 4 h; "–" for NaN and negative.
std::string duration_text(double seconds);

// 2026-11-24 04:30 UTC; empty for NaN.
std::string date_text(double unix_seconds);

// 10 to the `exponent` in superscript digits: 10⁻⁵.
std::string power_of_ten(int exponent);

// `text` cut to at most `bytes`, at a character's border, with "…" where something was cut.
std::string shortened(std::string_view text, size_t bytes);

// Estimated width in a sans-serif font of `size` px; on the wide side, so that what fits by it
// fits.
double text_width(std::string_view text, double size);

// `text` cut to `width` px at a character's border, with "…" where something was cut.
std::string fitted(std::string_view text, double size, double width);

// Lines no wider than `width` px, broken at spaces where possible; at most `lines`, the last ending
// in "…" when text is left over. Line feeds and runs of blanks count as one space.
std::vector<std::string> wrapped(std::string_view text, double size, double width, size_t lines);

}  // namespace slipway::report
