// A pseudo terminal in the place of standard error, for as long as it lives.
#pragma once
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>

namespace slipway {

class Terminal {
 public:
  explicit Terminal(unsigned short columns) {
    termios raw{};
    ::cfmakeraw(&raw);  // what is written arrives as it is
    winsize size{};
    size.ws_col = columns, size.ws_row = 25;
    int inner = -1;
    if (::openpty(&outer_, &inner, nullptr, &raw, &size) != 0) throw std::runtime_error("openpty");
    std::fflush(stderr);
    before_ = ::dup(STDERR_FILENO);
    ::dup2(inner, STDERR_FILENO);
    ::close(inner);
  }
  ~Terminal() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
    ::close(outer_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // What was written since the last call.
  std::string read() {
    const std::string mark = "<mark>";  // what was written before it has arrived when it has
    if (::write(STDERR_FILENO, mark.data(), mark.size()) != static_cast<ssize_t>(mark.size()))
      throw std::runtime_error("write");
    std::string out;
    char part[4096];
    while (!out.ends_with(mark)) {
      const ssize_t n = ::read(outer_, part, sizeof part);
      if (n <= 0) throw std::runtime_error("read");
      out.append(part, static_cast<size_t>(n));
    }
    return out.substr(0, out.size() - mark.size());
  }

 private:
  int outer_ = -1, before_ = -1;
};

}  // namespace slipway
