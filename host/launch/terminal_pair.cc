// Pseudoterminals.
#include "launch/terminal_pair.h"

#include <sys/ioctl.h>
#include <termios.h>

#include <climits>
#include <cstdlib>

namespace slipway {

void copy_size(int like, int reader) {
  winsize size{};
  if (::ioctl(like, TIOCGWINSZ, &size) == 0) (void)::ioctl(reader, TIOCSWINSZ, &size);
}

TerminalPair open_terminal(int like) {
  auto reader = std::make_unique<Descriptor>(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  char name[PATH_MAX];
  if (reader->fd < 0 || ::grantpt(reader->fd) != 0 || ::unlockpt(reader->fd) != 0 ||
      ::ptsname_r(reader->fd, name, sizeof name) != 0)
    return {};
  auto program = std::make_unique<Descriptor>(open_descriptor(name, O_RDWR | O_NOCTTY));
  termios mode{};
  if (program->fd < 0 || ::tcgetattr(program->fd, &mode) != 0) return {};
  ::cfmakeraw(&mode);
  if (::tcsetattr(program->fd, TCSANOW, &mode) != 0) return {};
  copy_size(like, reader->fd);
  return {std::move(reader), std::move(program)};
}

}  // namespace slipway
