// The program: finds the command, runs it, turns what went wrong into a message and an exit code.
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <system_error>

#include "api/ranks.h"
#include "app/command_line.h"
#include "app/command_table.h"
#include "app/standard_output.h"
#include "base/log.h"
#include "base/nearest.h"
#include "base/signal_text.h"
#include "base/visible_text.h"
#include "compute/tensor_memory.h"
#include "plugin/trampoline.h"
#include "slipway/slipway.hpp"

namespace {

using namespace slipway;

void print_help() {
  std::string out =
      "Slipway trains language models by rewards, through plugins.\n\nusage: slipway COMMAND "
      "[arguments]\n\n";
  for (const Command& command : commands())
    out += fmt::format("  {:<11} {}\n", command.name, command.summary);
  out +=
      "\nslipway help COMMAND explains a command, slipway config help KEY a key of a run\n"
      "file. First steps:\n"
      "  slipway new                                  ask, and write a run file\n"
      "  slipway train configs/raft_sentiment.toml    teach a small model to be kind\n"
      "  slipway generate --model runs/raft-sentiment --prompt \"The film\"\n"
      "  slipway plugin list\n\n"
      "Exit codes: 0 done; 1 failed; 2 the command line or the run file is wrong, and\n"
      "nothing was started; 75 another process of the run was lost; 85 stopped by a\n"
      "signal after saving: run again with --resume.\n";
  print(out);
}

// Whether the arguments after a command's name ask for its help.
bool ask_for_help(const Arguments& arguments) {
  return std::ranges::any_of(
      arguments, [](const std::string& each) { return each == "--help" || each == "-h"; });
}

// Where this process is one of several. Throws UsageError where they cannot do the command.
void take_place(const Command& command) {
  if (command.together == Together::kShared) (void)own_place();
  if (command.together != Together::kRefused) return;
  if (const Place place = find_place(); !place.is_alone())
    throw UsageError(
        fmt::format("{} is the work of one process, and {} says that there are {}: each would do "
                    "all of it, and write the same files. Start it by itself; where RANK and "
                    "WORLD_SIZE are set: env -u RANK -u WORLD_SIZE slipway {} ...",
                    command.name, launcher_name(place.launcher), place.world, command.name));
}

int run_command(const Command& command, const Arguments& arguments) {
  if (!ask_for_help(arguments)) take_place(command);
  return command.run(arguments);
}

int dispatch(const Arguments& arguments) {
  const bool asks = !arguments.empty() &&
                    (arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help");
  // slipway help COMMAND
  if (asks && arguments.size() > 1) return dispatch({arguments[1], "--help"});
  if (asks || arguments.empty()) {
    print_help();
    return asks ? kExitOk : kExitUsage;
  }
  if (arguments[0] == "--version" || arguments[0] == "-V") {
    print("slipway " SLIPWAY_VERSION "\n");
    return kExitOk;
  }
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    if (arguments[0] == command.name)
      return run_command(command, {arguments.begin() + 1, arguments.end()});
    names.emplace_back(command.name);
  }
  throw UsageError(fmt::format("unknown command \"{}\"{}; see: slipway --help", arguments[0],
                               did_you_mean(arguments[0], names)));
}

}  // namespace

namespace {

// What the standard library says of a file or of the system, as an error of ours says it.
std::string told(const std::system_error& e) {
  const auto* file = dynamic_cast<const std::filesystem::filesystem_error*>(&e);
  if (file == nullptr || file->path1().empty()) return e.what();
  return fmt::format("{}{}: {}", file->path1().string(),
                     file->path2().empty() ? "" : " -> " + file->path2().string(),
                     e.code().message());
}

std::atomic<bool> command_ended{false};
std::atomic<int> final_code{kExitOk};
const pid_t process = ::getpid();

// A plugin that calls exit(0) or _exit(0) would end a run without its model, and with the code of
// success.
bool is_early_end() { return !command_ended.load() && ::getpid() == process; }

void tell_of_early_end() {
  char call[256];
  const char* what = call_in_progress(call, sizeof call);
  SignalText words;
  words.add("slipway: the process was ended by exit() inside ")
      .add(what != nullptr ? what : "a library")
      .add("; the command was not done\n")
      .write();
}

void at_early_exit() {
  // a plugin's deinit() that calls exit(0) changes nothing of that
  if (command_ended.load() && final_code.load() != kExitOk) {
    std::fflush(nullptr);
    ::_exit(final_code.load());
  }
  if (!is_early_end()) return;
  tell_of_early_end();
  ::_exit(kExitFailure);
}

// Runs the command; what went wrong becomes a message and the exit code.
int run(const Arguments& arguments) {
  const auto say = [](const std::string& text) {
    settle_warnings();
    std::fprintf(stderr, "%s\n", visible_text(text).c_str());
  };
  keep_tensor_memory();
  try {
    const int code = dispatch(arguments);
    settle_warnings();
    flush_standard_output();
    return code;
  } catch (const ReaderLeft&) {
    return kExitOk;
  } catch (const UsageError& e) {
    say(fmt::format("slipway: {}", e.what()));
    return kExitUsage;
  } catch (const Error& e) {
    const int code = exit_code_of(e);
    // a fault of a run file begins with its place
    say(code == kExitUsage ? e.what() : fmt::format("slipway: {}", e.what()));
    return code;
  } catch (const std::bad_alloc&) {
    say("slipway: out of memory; use a smaller batch (train.per_device_train_batch_size, "
        "generation.max_rows)");
    return kExitFailure;
  } catch (const std::system_error& e) {
    say(fmt::format("slipway: {}", told(e)));
    return kExitFailure;
  } catch (const std::exception& e) {
    say(fmt::format("slipway: a defect in Slipway, please report it: {}", e.what()));
    return kExitFailure;
  }
}

}  // namespace

// Plugins find these before the C library's (CMakeLists.txt exports them).
extern "C" {
[[noreturn]] void _exit(int code) {
  if (code == 0 && is_early_end()) {
    tell_of_early_end();
    code = kExitFailure;
  }
  for (;;) ::syscall(SYS_exit_group, code);
}
[[noreturn]] void _Exit(int code) { _exit(code); }
}

int main(int argc, char** argv) {
  install_crash_handler();
  std::atexit(at_early_exit);
  std::at_quick_exit(at_early_exit);
  // `slipway train ... 2>&1 | head`: a reader that leaves must not end the run
  std::signal(SIGPIPE, SIG_IGN);
  // a quota of file sizes: the write fails, and says which file it was
  std::signal(SIGXFSZ, SIG_IGN);
  const int code = run({argv + 1, argv + argc});
  final_code.store(code);
  command_ended.store(true);
  return code;
}
