// Wrapping.
#include "base/text_width.h"

#include <sys/ioctl.h>

#include <algorithm>

namespace slipway {

size_t columns_of(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 100;
  return std::clamp<size_t>(size.ws_col, 40, 120);
}

std::string wrapped(std::string_view text, size_t indent, size_t columns) {
  std::string out;
  // where the next word goes; where the line's first stands
  size_t column = indent, begin = indent;
  const auto next_line = [&] { out += "\n" + std::string(column = begin, ' '); };
  for (size_t at = 0; at < text.size();) {
    if (text[at] == '\n') {
      const size_t words = std::min(text.find_first_not_of(' ', at + 1), text.size());
      begin = indent + words - at - 1;
      next_line();
      at = words;
      continue;
    }
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    const size_t end = std::min(text.find_first_of(" \n", at), text.size());
    const bool first = column == begin;
    if (!first && column + 1 + (end - at) > columns) next_line();
    else if (!first) out += ' ', ++column;
    out += text.substr(at, end - at);
    column += end - at;
    at = end;
  }
  return out;
}

}  // namespace slipway
