// Checked printing.
#include "app/standard_output.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/visible_text.h"

namespace slipway {
namespace {

[[noreturn]] void fail_to_print(int reason) {
  std::clearerr(stdout);
  if (reason == EPIPE) throw ReaderLeft("nobody reads standard output any more");
  fail("cannot write to standard output: {}", std::strerror(reason));
}

}  // namespace

void print(std::string_view text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::ferror(stdout) != 0)
    fail_to_print(errno);
}

void flush_standard_output() {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) fail_to_print(errno);
}

std::string for_standard_output(std::string_view text) {
  static const bool kTerminal = ::isatty(STDOUT_FILENO) == 1;
  return kTerminal ? visible_text(text) : std::string(text);
}

}  // namespace slipway
