// Affinity and control group.
#include "base/usable_cores.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>

namespace slipway {

int64_t usable_cores() {
  cpu_set_t set;
  int64_t cores =
      sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : sysconf(_SC_NPROCESSORS_ONLN);
  // "200000 100000": quota and period; "max 100000": none
  std::ifstream limit("/sys/fs/cgroup/cpu.max");
  double quota = 0, period = 0;
  if (limit >> quota >> period && period > 0)
    cores = std::min(cores, static_cast<int64_t>(std::ceil(quota / period)));
  return std::max<int64_t>(1, cores);
}

}  // namespace slipway
