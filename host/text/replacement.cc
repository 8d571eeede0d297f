// Replacing.
#include "text/replacement.h"

#include <algorithm>

#include "base/error.h"
#include "base/excerpt.h"

namespace slipway {

Replacement::Replacement(const Json& description, const char* what, const std::string& origin)
    : content_(description.at("content").get<std::string>()) {
  const Json& pattern = description.at("pattern");
  if (pattern.contains("String")) literal_ = pattern["String"].get<std::string>();
  const std::string regex = pattern.value("Regex", "");
  if (literal_.empty() && regex.empty())
    fail("{}: {} Replace needs a pattern with a Regex or a String", origin, what);
  if (regex.empty()) return;
  pattern_.emplace(regex, origin);
  if (pattern_->matches_empty())
    fail("{}: {} Replace with the pattern \"{}\", which matches an empty text, is not supported",
         origin, what, excerpt(regex));
}

std::string Replacement::apply(std::string_view text) const {
  if (!pattern_) return replaced(text, literal_, content_);
  std::string out;
  pattern_->cut(text, [&](std::string_view part, bool matched) {
    out += matched ? std::string_view(content_) : part;
  });
  return out;
}

bool Replacement::removes_beginning(std::string_view text) const {
  if (!content_.empty()) return false;
  if (!pattern_) return text.starts_with(literal_);
  bool removed = false;
  pattern_->cut(text, [&](std::string_view part, bool matched) {
    removed = removed || (matched && part.data() == text.data());
  });
  return removed;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t found = std::min(text.find(from, at), text.size());
    out.append(text.substr(at, found - at));
    if (found < text.size()) out += to;
    at = found + from.size();
  }
  return out;
}

}  // namespace slipway
