// Texts with marks.
#include "text/marked_text.h"

#include <algorithm>

namespace slipway {

void MarkedText::append(const MarkedText& other, size_t from, size_t count) {
  if (!other.marks.empty() || !marks.empty()) {
    marks.resize(bytes.size(), '\0');
    if (other.marks.empty()) marks.append(count, '\0');
    else marks.append(other.marks, from, count);
  }
  bytes.append(other.bytes, from, count);
}

void MarkedText::append(std::string_view own, char mark_of_all) {
  if (mark_of_all != 0 || !marks.empty()) {
    marks.resize(bytes.size(), '\0');
    marks.append(own.size(), mark_of_all);
  }
  bytes += own;
}

MarkedText MarkedText::part(size_t from, size_t count) const {
  MarkedText out(bytes.substr(from, count));
  if (!marks.empty()) out.marks = marks.substr(from, count);
  return out;
}

void MarkedText::add_mark(Mark mark) {
  marks.resize(bytes.size(), '\0');
  for (char& each : marks) each = static_cast<char>(each | mark);
}

std::vector<std::pair<size_t, size_t>> MarkedText::spans(Mark mark) const {
  std::vector<std::pair<size_t, size_t>> out;
  for (size_t i = 0; i < marks.size(); ++i) {
    if ((marks[i] & mark) == 0) continue;
    if (out.empty() || out.back().second != i) out.emplace_back(i, i);
    out.back().second = i + 1;
  }
  return out;
}

}  // namespace slipway
