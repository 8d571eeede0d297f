// Prompts from a terminal.
#include "app/prompt_terminal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "app/standard_output.h"
#include "base/error.h"
#include "base/log.h"

namespace slipway {
namespace {

// Linux keeps so many bytes of a line that is being typed, and drops the rest without a word.
constexpr size_t kLongestLine = 4095;

std::atomic<bool> asked{false};
// Whoever waits for a line waits for this too: the signal may come to another thread.
std::atomic<int> bell{-1};

void on_interrupt(int number) {
  if (asked.exchange(true)) {
    std::signal(number, SIG_DFL);
    std::raise(number);
    return;
  }
  const int saved = errno;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t rung = ::write(bell.load(), &one, sizeof one);
  errno = saved;
}

}  // namespace

PromptTerminal::PromptTerminal() {
  bell.store(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (bell.load() < 0) fail("cannot wait for prompts: {}", std::strerror(errno));
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, &before_);
}

PromptTerminal::~PromptTerminal() {
  ::sigaction(SIGINT, &before_, nullptr);
  ::close(bell.exchange(-1));
}

bool PromptTerminal::interrupted() { return asked.load(); }

std::optional<std::string> PromptTerminal::ask() {
  uint64_t rung = 0;
  while (::read(bell.load(), &rung, sizeof rung) < 0 && errno == EINTR) continue;
  asked.store(false);
  for (;;) {
    print("> ");
    flush_standard_output();
    std::optional<std::string> out = line();
    if (!out) {
      print("\n");
      return out;
    }
    if (out->ends_with('\r')) out->pop_back();
    if (out->size() >= kLongestLine)
      log_message(LogLevel::kError,
                  fmt::format("a terminal passes on {} bytes of a line, so the end of this prompt "
                              "may be missing; give it with --prompt, or in a file: < FILE",
                              kLongestLine));
    else if (!out->empty()) return out;
  }
}

std::optional<std::string> PromptTerminal::line() {
  size_t end = 0;
  while ((end = typed_.find('\n')) == std::string::npos)
    if (!read_more()) {
      if (typed_.empty() || interrupted()) return std::nullopt;
      return std::exchange(typed_, "");  // Ctrl-D behind what was typed
    }
  std::string out = typed_.substr(0, end);
  typed_.erase(0, end + 1);
  return out;
}

bool PromptTerminal::read_more() {
  pollfd either[] = {{STDIN_FILENO, POLLIN, 0}, {bell.load(), POLLIN, 0}};
  while (::poll(either, 2, -1) < 0)
    if (errno != EINTR) fail("cannot wait for a prompt: {}", std::strerror(errno));
  if (interrupted()) return false;
  char bytes[4096];
  ssize_t n = 0;
  while ((n = ::read(STDIN_FILENO, bytes, sizeof bytes)) < 0 && errno == EINTR) continue;
  if (n <= 0) return false;  // Ctrl-D, or the terminal is gone
  typed_.append(bytes, static_cast<size_t>(n));
  return true;
}

}  // namespace slipway
