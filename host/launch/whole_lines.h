// Bytes of a stream as whole lines.
#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace slipway {

class WholeLines {
 public:
  // A line that is longer comes in pieces of this many bytes.
  static constexpr size_t kLongest = size_t{1} << 20;

  explicit WholeLines(std::function<void(std::string_view line)> take) : take_(std::move(take)) {}
  // Gives away every line that is complete, without its '\n'.
  void add(std::string_view bytes);
  // The stream has ended: what is left is a line, too.
  void end();

 private:
  std::function<void(std::string_view)> take_;
  std::string begun_;
};

}  // namespace slipway
