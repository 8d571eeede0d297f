// The thread between the ranks and the screen.
#include "launch/rank_output.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/append_log.h"
#include "base/error.h"
#include "base/place.h"
#include "launch/terminal_pair.h"
#include "launch/whole_lines.h"

namespace slipway {

using Clock = std::chrono::steady_clock;

// One stream of one rank.
struct RankOutput::Stream {
  Stream(std::unique_ptr<Descriptor> given, Screen& to, int64_t rank, bool draws,
         const fs::path& file, RankOutput& all)
      : from(std::move(given)),
        screen(to),
        whose(fmt::format("rank {}", rank)),
        prefix(fmt::format("[{}] ", rank)),
        has_terminal(draws),
        log(file.empty() ? nullptr : std::make_unique<AppendLog>(file)),
        output(all),
        lines([this](std::string_view line) { take(line); }) {}

  void take(std::string_view line) {
    if (!has_terminal) screen.line(prefix, line);
    if (log == nullptr) return;
    try {
      log->append(line);
    } catch (const Error& e) {
      log.reset();  // the run is worth more than its log
      output.err_.line("slipway: ",
                       fmt::format("{}; what else {} prints is not kept", e.what(), whose));
    }
  }

  // False at its end.
  bool read() {
    char bytes[1 << 16];
    ssize_t n = 0;
    do n = ::read(from->fd, bytes, sizeof bytes);
    while (n < 0 && errno == EINTR);
    if (n <= 0) return false;  // a terminal whose program has ended gives EIO
    const std::string_view text(bytes, static_cast<size_t>(n));
    if (has_terminal) screen.draw(text);
    if (!has_terminal || log != nullptr) lines.add(text);
    return true;
  }

  std::unique_ptr<Descriptor> from;
  Screen& screen;
  std::string whose, prefix;
  bool has_terminal;
  std::unique_ptr<AppendLog> log;
  RankOutput& output;
  WholeLines lines;
};

RankOutput::RankOutput(fs::path log_dir)
    : log_dir_(std::move(log_dir)),
      one_terminal_(Screen::is_one_terminal(STDOUT_FILENO, STDERR_FILENO)),
      out_(STDOUT_FILENO),
      err_(STDERR_FILENO),
      woken_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (woken_.fd < 0) fail("cannot watch the ranks' output: {}", std::strerror(errno));
  if (!log_dir_.empty()) create_folder(log_dir_);
  thread_ = std::thread([this] { serve(); });
}

RankOutput::~RankOutput() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake();
  thread_.join();
}

void RankOutput::wake() {
  const uint64_t one = 1;
  (void)!::write(woken_.fd, &one, sizeof one);
}

RankStreams RankOutput::open(int64_t rank) {
  RankStreams streams;
  std::vector<std::unique_ptr<Stream>> made;
  for (const bool is_error : {false, true}) {
    Screen& screen = is_error || one_terminal_ ? err_ : out_;
    auto& program = is_error ? streams.err : streams.out;
    TerminalPair terminal;
    if (rank == 0 && screen.is_terminal())
      terminal = open_terminal(is_error ? STDERR_FILENO : STDOUT_FILENO);
    const bool draws = terminal.reader != nullptr;
    if (!draws) {
      int ends[2];
      if (::pipe2(ends, O_CLOEXEC) != 0)
        fail("no pipe for the output of rank {}: {}; allow more open files (ulimit -n)", rank,
             std::strerror(errno));
      terminal = {std::make_unique<Descriptor>(ends[0]), std::make_unique<Descriptor>(ends[1])};
    }
    program = std::move(terminal.program);
    const fs::path file =
        log_dir_.empty() ? fs::path()
                         : log_dir_ / fmt::format("rank-{}.{}", rank, is_error ? "err" : "out");
    made.push_back(
        std::make_unique<Stream>(std::move(terminal.reader), screen, rank, draws, file, *this));
  }
  const std::lock_guard lock(mutex_);
  draining_ = false;
  for (auto& each : made) added_.push_back(std::move(each));
  wake();
  return streams;
}

void RankOutput::say(const std::string& text) {
  {
    const std::lock_guard lock(mutex_);
    said_.push_back(text);
  }
  wake();
}

void RankOutput::resize() {
  const std::lock_guard lock(mutex_);
  for (const auto* all : {&streams_, &added_})
    for (const auto& each : *all)
      if (each->has_terminal) copy_size(STDERR_FILENO, each->from->fd);
}

bool RankOutput::drain(const sigset_t& giving_up, std::optional<Clock::time_point> until) {
  std::unique_lock lock(mutex_);
  draining_ = true;
  wake();
  while (!changed_.wait_for(lock, std::chrono::milliseconds(100),
                            [&] { return streams_.empty() && added_.empty() && said_.empty(); })) {
    if (until && Clock::now() > *until) return false;
    sigset_t pending;
    ::sigpending(&pending);
    for (int number = 1; number < NSIG; ++number)
      if (::sigismember(&pending, number) == 1 && ::sigismember(&giving_up, number) == 1)
        return false;
  }
  return true;
}

// Reads what is there; false where nothing came in `timeout` milliseconds.
bool RankOutput::read_streams(int timeout) {
  std::vector<pollfd> waits{{woken_.fd, POLLIN, 0}};
  for (const auto& each : streams_) waits.push_back({each->from->fd, POLLIN, 0});
  const int ready = ::poll(waits.data(), waits.size(), timeout);
  if (ready <= 0) return false;
  bool any = false;
  if (waits[0].revents != 0) {
    uint64_t count = 0;
    (void)!::read(woken_.fd, &count, sizeof count);
  }
  std::vector<Stream*> ended;
  for (size_t i = 1; i < waits.size(); ++i) {
    if (waits[i].revents == 0) continue;
    any = true;
    if (Stream& stream = *streams_[i - 1]; !stream.read()) {
      stream.lines.end();
      ended.push_back(&stream);
    }
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(streams_, [&](const auto& each) {
    return std::ranges::find(ended, each.get()) != ended.end();
  });
  return any;
}

void RankOutput::serve() {
  constexpr auto kQuiet = std::chrono::seconds(1), kLongest = std::chrono::seconds(10);
  Clock::time_point drains_since{}, last = Clock::now();
  for (;;) {
    bool draining = false;
    {
      const std::lock_guard lock(mutex_);
      for (auto& each : added_) streams_.push_back(std::move(each));
      added_.clear();
      draining = draining_ || ending_;
    }
    const auto now = Clock::now();
    if (!draining) drains_since = {};
    else if (drains_since == Clock::time_point{}) drains_since = last = now;
    if (read_streams(draining ? 50 : -1)) last = Clock::now();

    std::unique_lock lock(mutex_);
    const std::vector<std::string> said = said_;
    lock.unlock();
    for (const std::string& text : said) err_.line("slipway: ", text);
    lock.lock();
    said_.erase(said_.begin(), said_.begin() + static_cast<ptrdiff_t>(said.size()));
    if (draining && (now - last > kQuiet || now - drains_since > kLongest)) {
      for (const auto& each : streams_) each->lines.end();
      streams_.clear();
    }
    if (!streams_.empty() || !added_.empty() || !said_.empty()) continue;
    changed_.notify_all();
    if (ending_) return;
  }
}

}  // namespace slipway
