// The known name that a mistyped one most likely meant.
#include "base/nearest.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>
#include <vector>

namespace slipway {

size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the table, the last first: a transposition looks back over two.
  std::array<std::vector<size_t>, 3> rows;
  for (auto& row : rows) row.resize(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    std::swap(rows[1], rows[2]);
    std::swap(rows[0], rows[1]);
    auto& [now, before, earlier] = rows;
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({before[j] + 1, now[j - 1] + 1, before[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], earlier[j - 2] + 1);
    }
  }
  return rows[0][b.size()];
}

std::string nearest(std::string_view name, std::span<const std::string> candidates) {
  constexpr size_t kLongest = 200;  // what a person types; names from files have any length
  if (name.size() > kLongest) return "";
  const auto lower = [](std::string_view s) {
    std::string out(s);
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
  };
  const std::string wanted = lower(name);
  // What was begun and not finished: the shortest name that begins so.
  constexpr size_t kTelling = 4;
  std::string best;
  if (wanted.size() >= kTelling && wanted.find_first_not_of("-.") <= wanted.size() - kTelling)
    for (const std::string& candidate : candidates)
      if (candidate.size() <= kLongest && lower(candidate).starts_with(wanted) &&
          (best.empty() || candidate.size() < best.size()))
        best = candidate;
  if (!best.empty()) return best;
  size_t best_distance = SIZE_MAX;
  for (const std::string& candidate : candidates) {
    const size_t shorter = std::min(name.size(), candidate.size()),
                 longer = std::max(name.size(), candidate.size());
    // the distance is at least the difference
    if (candidate.size() > kLongest || 3 * (longer - shorter) > longer) continue;
    const size_t distance = edit_distance(wanted, lower(candidate));
    if (distance < best_distance && 3 * distance <= longer)
      best = candidate, best_distance = distance;
  }
  return best;
}

std::string did_you_mean(std::string_view name, std::span<const std::string> candidates) {
  const std::string guess = nearest(name, candidates);
  return guess.empty() ? "" : ", did you mean \"" + guess + "\"?";
}

}  // namespace slipway
