// A text that knows of each of its bytes who wrote it: a chat template, or somebody whose words the
// template carries.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace slipway {

struct MarkedText {
  enum Mark : char {
    kForeign = 1,    // the words of a message, of a tool's description: not the template's own
    kGenerated = 2,  // inside {% generation %}: what an assistant writes
  };
  std::string bytes;
  std::string marks;  // Marks of each byte; "" = none of any

  MarkedText() = default;
  explicit MarkedText(std::string text) : bytes(std::move(text)) {}

  char mark(size_t at) const { return marks.empty() ? '\0' : marks[at]; }
  void append(const MarkedText& other) { append(other, 0, other.bytes.size()); }
  // The bytes [from, from + count) of another one.
  void append(const MarkedText& other, size_t from, size_t count);
  void append(std::string_view own, char mark_of_all = 0);
  MarkedText part(size_t from, size_t count = std::string::npos) const;
  void add_mark(Mark mark);  // to every byte

  // Where `mark` begins and ends, ascending.
  std::vector<std::pair<size_t, size_t>> spans(Mark mark) const;
};

}  // namespace slipway
