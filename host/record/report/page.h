// The HTML around what a page shows: one file that fetches nothing and runs nothing but its own
// script.
#pragma once
#include <string>
#include <string_view>

#include "base/files.h"

namespace slipway::report {

// What pages of Slipway are of; a page carries it as its generator.
inline constexpr std::string_view kRunPage = "Slipway run", kComparisonPage = "Slipway comparison",
                                  kSearchPage = "Slipway search";

// `title` is text, `body` markup.
std::string html_page(std::string_view kind, const std::string& title, const std::string& body);

// The name at the top: what it is of, its name, and a line about it; all three are text. `css`: of
// that line.
std::string page_head(std::string_view kind, const std::string& title, const std::string& line,
                      std::string_view css = "note");

// Writes `html` atomically. Throws Error when a file is there that is not a page of that kind.
void place_page(const fs::path& file, std::string_view kind, const std::string& html);

}  // namespace slipway::report
