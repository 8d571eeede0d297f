// /proc and the control group's files.
#include "base/available_memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>

namespace slipway {
namespace {

// Bytes that a line "NAME: N kB" of the file tells; 0 = there is none.
uint64_t told_by(const char* path, const std::string& wanted) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(wanted))
      return std::strtoull(line.c_str() + wanted.size(), nullptr, 10) * 1024;
  return 0;
}

uint64_t rest(uint64_t all, uint64_t taken) { return all > taken ? all - taken : 1; }

// What a container's limit leaves, and what RLIMIT_AS leaves; the most there is where they set
// none.
uint64_t left_by_limits() {
  uint64_t out = left_in_group("/sys/fs/cgroup");
  rlimit space{};
  if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY)
    out = std::min(out, rest(space.rlim_cur, told_by("/proc/self/status", "VmSize:")));
  return out;
}

}  // namespace

uint64_t left_in_group(const fs::path& group) {
  uint64_t limit = 0, used = 0;
  if (!(std::ifstream(group / "memory.max") >> limit) ||
      !(std::ifstream(group / "memory.current") >> used))
    return std::numeric_limits<uint64_t>::max();
  uint64_t files = 0, value = 0;
  std::ifstream shares(group / "memory.stat");
  for (std::string name; shares >> name >> value;)
    if (name == "inactive_file" || name == "active_file") files += value;
  return rest(limit, used - std::min(used, files));
}

uint64_t available_memory() {
  const uint64_t free = told_by("/proc/meminfo", "MemAvailable:");
  return free == 0 ? 0 : std::min(free, left_by_limits());
}

}  // namespace slipway
