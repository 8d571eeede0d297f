// The known name that a mistyped one most likely meant.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace slipway {

// Edit distance with adjacent transpositions (Damerau-Levenshtein, restricted).
size_t edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `name`, or "" when none is near enough to be worth suggesting (distance
// over a third of the longer name). Case is ignored; ties go to the first.
std::string nearest(std::string_view name, std::span<const std::string> candidates);

// `, did you mean "x"?` or "".
std::string did_you_mean(std::string_view name, std::span<const std::string> candidates);

}  // namespace slipway
