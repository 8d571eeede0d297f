// One of this process's own output streams, written to by all ranks in turn.
#pragma once
#include <string>
#include <string_view>

namespace slipway {

// What a rank that has the terminal draws there stays as it is: a line of another rank goes above
// the line that is being drawn, and that one is drawn again below it. One thread.
class Screen {
 public:
  explicit Screen(int fd);
  bool is_terminal() const { return terminal_; }
  // Whether both show on one terminal, so that they must know of each other's lines: one Screen
  // then serves both.
  static bool is_one_terminal(int a, int b);

  // A whole line. On a terminal control characters of `text` are shown and do nothing.
  void line(std::string_view prefix, std::string_view text);
  // Bytes as they come, of the rank that has the terminal.
  void draw(std::string_view bytes);

 private:
  void write(std::string_view bytes);

  int fd_;
  bool terminal_;
  bool gone_ = false;  // nobody reads it any more
  std::string drawn_;  // of the line that has not ended
};

}  // namespace slipway
