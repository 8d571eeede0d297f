// Whether another process of this machine is still there.
#include "dist/process_sign.h"

#include <signal.h>
#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <sstream>

namespace slipway {
namespace {

std::string start_of(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

}  // namespace

std::string process_space() {
  struct stat space{};
  const std::string boot = start_of("/proc/sys/kernel/random/boot_id");
  if (boot.empty() || ::stat("/proc/self/ns/pid", &space) != 0) return {};
  return boot + "/" + std::to_string(space.st_ino);
}

bool is_process_gone(int64_t pid) {
  if (::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) return true;
  // "812 (name) Z ...": the name may hold anything.
  const std::string state = start_of("/proc/" + std::to_string(pid) + "/stat");
  const size_t close = state.rfind(')');
  return close != std::string::npos && close + 2 < state.size() &&
         (state[close + 2] == 'Z' || state[close + 2] == 'X');
}

}  // namespace slipway
