// The child that loads.
#include "plugin/probe.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>

#include "base/error.h"
#include "plugin/library.h"

namespace slipway {
namespace {

constexpr int kMilliseconds = 10'000;
constexpr std::string_view kDone = "done\n";

// In the child: a line for each plugin and "done", or the reason of the refusal behind a "!".
std::string report_on(const fs::path& path, const PluginNote& note) {
  try {
    const Library library(path, note);
    std::string out;
    for (const slw_descriptor* descriptor : library.descriptors())
      out += fmt::format("{} {}\n", descriptor->kinds, descriptor->id);
    return out + std::string(kDone);
  } catch (const std::exception& e) {
    return fmt::format("!{}", e.what());
  }
}

[[noreturn]] void load_and_tell(const fs::path& path, const PluginNote& note, int to) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) std::signal(signal, SIG_DFL);
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nowhere, standard);
  const std::string text = report_on(path, note);
  for (size_t at = 0; at < text.size();) {
    const ssize_t done = ::write(to, text.data() + at, text.size() - at);
    if (done <= 0 && errno != EINTR) break;
    at += done > 0 ? static_cast<size_t>(done) : 0;
  }
  ::_exit(0);
}

// What the child wrote until it ended or its time was over, and whether it was.
std::pair<std::string, bool> listen(int from) {
  std::string out;
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kMilliseconds);
  std::array<char, 4096> buffer;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                          end - std::chrono::steady_clock::now())
                          .count();
    if (left <= 0) return {out, true};
    pollfd waited{from, POLLIN, 0};
    if (const int ready = ::poll(&waited, 1, static_cast<int>(left)); ready <= 0) continue;
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {out, false};
    out.append(buffer.data(), static_cast<size_t>(got));
  }
}

std::vector<NamedPlugin> parsed(std::string_view text) {
  std::vector<NamedPlugin> out;
  for (text.remove_suffix(kDone.size()); !text.empty();) {
    const size_t end = text.find('\n'), space = text.find(' ');
    NamedPlugin plugin{0, std::string(text.substr(space + 1, end - space - 1))};
    std::from_chars(text.data(), text.data() + space, plugin.kinds);
    out.push_back(std::move(plugin));
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace

std::vector<NamedPlugin> probe_library(const fs::path& path, const PluginNote& note) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0)
    fail("{}: cannot be tried out: {}", path.string(), std::strerror(errno));
  const pid_t child = ::fork();
  if (child == 0) load_and_tell(path, note, pipe[1]);
  ::close(pipe[1]);
  if (child < 0) {
    ::close(pipe[0]);
    fail("{}: cannot be tried out: {}", path.string(), std::strerror(errno));
  }
  const auto [text, late] = listen(pipe[0]);
  ::close(pipe[0]);
  if (late) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (late) fail("{}: was not loaded within {} s", path.string(), kMilliseconds / 1000);
  if (WIFSIGNALED(status))
    fail("{}: crashed when it was loaded (SIG{})", path.string(), ::sigabbrev_np(WTERMSIG(status)));
  if (text.starts_with('!')) throw Error(text.substr(1));
  if (!text.ends_with(kDone))
    fail("{}: ended the process when it was loaded (exit code {})", path.string(),
         WEXITSTATUS(status));
  return parsed(text);
}

}  // namespace slipway
