// Writing.
#include "launch/screen.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/visible_text.h"

namespace slipway {
namespace {

constexpr std::string_view kErase = "\r\033[K";
constexpr size_t kDrawnAgain = 4096;  // a line of a terminal is shorter

}  // namespace

Screen::Screen(int fd) : fd_(fd), terminal_(::isatty(fd) == 1) {}

bool Screen::is_one_terminal(int a, int b) {
  struct stat of_a{}, of_b{};
  return ::isatty(a) == 1 && ::isatty(b) == 1 && ::fstat(a, &of_a) == 0 && ::fstat(b, &of_b) == 0 &&
         of_a.st_rdev == of_b.st_rdev;
}

void Screen::line(std::string_view prefix, std::string_view text) {
  std::string out;
  if (!drawn_.empty()) out += kErase;
  out += prefix;
  out += terminal_ ? visible_text(text) : std::string(text);
  out += '\n';
  out += drawn_;
  write(out);
}

void Screen::draw(std::string_view bytes) {
  write(bytes);
  const size_t line_end = bytes.rfind('\n');
  if (line_end != std::string_view::npos) drawn_.clear();
  drawn_ += bytes.substr(line_end == std::string_view::npos ? 0 : line_end + 1);
  // what was overwritten need not be drawn again
  if (const size_t home = drawn_.rfind('\r'); home != std::string::npos) drawn_.erase(0, home);
  if (drawn_.size() > kDrawnAgain) drawn_.clear();
}

void Screen::write(std::string_view bytes) {
  while (!bytes.empty() && !gone_) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {  // who started this process made it so
      pollfd room{fd_, POLLOUT, 0};
      (void)::poll(&room, 1, -1);
      continue;
    }
    if (n < 0) {
      gone_ = true;  // a reader that leaves must not end the run
      return;
    }
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

}  // namespace slipway
