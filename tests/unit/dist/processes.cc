// Ranks of a test, as processes of rank_program.
#include "tests/unit/dist/processes.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "dist/network.h"
#include "dist/process_sign.h"

extern char** environ;

namespace slipway {
namespace {

namespace files = std::filesystem;
using Ticks = std::chrono::steady_clock;

std::string contents_of(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

double since(Ticks::time_point start) {
  return std::chrono::duration<double>(Ticks::now() - start).count();
}

std::vector<std::string> environment_of(int64_t rank, int64_t world, int64_t port,
                                        const std::map<std::string, std::string>& more) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    all[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  }
  all["RANK"] = all["LOCAL_RANK"] = std::to_string(rank);
  all["WORLD_SIZE"] = std::to_string(world);
  all["MASTER_ADDR"] = "127.0.0.1";
  all["MASTER_PORT"] = std::to_string(port);
  all["OMP_NUM_THREADS"] = "1";
  for (const auto& [name, value] : more) all[name] = value;
  std::vector<std::string> list;
  for (const auto& [name, value] : all) list.push_back(name + "=" + value);
  return list;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Processes::Processes(std::vector<std::string> arguments, int64_t world, const Variables& of_all,
                     const std::map<int64_t, Variables>& of_rank) {
  static std::atomic<int> count{0};
  folder_ = std::string(SLIPWAY_SCRATCH) + "/ranks-" + std::to_string(::getpid()) + "-" +
            std::to_string(++count);
  files::create_directories(folder_);
  ::close(listen_at("127.0.0.1", port_));
  arguments.insert(arguments.begin(), SLIPWAY_RANK_PROGRAM);
  for (int64_t rank = 0; rank < world; ++rank) {
    Variables more = of_all;
    if (const auto own = of_rank.find(rank); own != of_rank.end())
      for (const auto& [name, value] : own->second) more[name] = value;
    auto variables = environment_of(rank, world, port_, more);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, 1, output_file(rank, "out").c_str(), flags, 0644);
    posix_spawn_file_actions_addopen(&actions, 2, output_file(rank, "err").c_str(), flags, 0644);
    pid_t pid = 0;
    const int problem = ::posix_spawn(&pid, SLIPWAY_RANK_PROGRAM, &actions, nullptr,
                                      pointers_to(arguments).data(), pointers_to(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    if (problem != 0) throw std::runtime_error("rank_program cannot be started");
    pids_.push_back(pid);
  }
}

Processes::~Processes() { wait(0); }

std::string Processes::output_file(int64_t rank, const char* stream) const {
  return folder_ + "/" + std::to_string(rank) + "." + stream;
}

void Processes::signal(int64_t rank, int number) { ::kill(pid(rank), number); }

bool Processes::wait_for_output(int64_t rank, const std::string& text, double limit_seconds) {
  for (const auto start = Ticks::now(); since(start) < limit_seconds;) {
    if (contents_of(output_file(rank, "out")).find(text) != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

bool Processes::has_ended(int64_t rank) const { return is_process_gone(pid(rank)); }

std::vector<Ended> Processes::wait(double limit_seconds, int64_t stopped) {
  std::vector<Ended> all(pids_.size());
  const auto start = Ticks::now();
  size_t left = 0;
  for (const pid_t pid : pids_) left += pid > 0 ? 1 : 0;
  for (bool is_late = false; left > 0;) {
    const bool is_last = left == 1 && stopped >= 0 && pid(stopped) > 0;
    if (!is_late && (is_last || since(start) >= limit_seconds)) {
      is_late = true;
      for (const pid_t pid : pids_)
        if (pid > 0) ::kill(pid, SIGKILL);
    }
    for (size_t rank = 0; rank < pids_.size(); ++rank) {
      int status = 0;
      if (pids_[rank] <= 0 || ::waitpid(pids_[rank], &status, WNOHANG) != pids_[rank]) continue;
      pids_[rank] = 0;
      --left;
      Ended& ended = all[rank];
      ended.in_time = !is_late;
      ended.seconds = since(start);
      if (WIFEXITED(status)) ended.code = WEXITSTATUS(status);
      else ended.signal = WTERMSIG(status);
      ended.output = contents_of(output_file(static_cast<int64_t>(rank), "out"));
      ended.errors = contents_of(output_file(static_cast<int64_t>(rank), "err"));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return all;
}

}  // namespace slipway
