// /proc/self/status and /proc/self/clear_refs.
#include "base/memory_use.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

namespace slipway {

ResidentMemory resident_memory() {
  ResidentMemory out;
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    int64_t kib = 0;
    words >> name >> kib;
    if (name == "VmRSS:") out.now = kib * 1024;
    if (name == "VmHWM:") out.peak = kib * 1024;
  }
  return out;
}

bool reset_peak_memory() {
  std::FILE* file = std::fopen("/proc/self/clear_refs", "w");
  if (file == nullptr) return false;
  const bool written = std::fputs("5", file) >= 0;
  return std::fclose(file) == 0 && written;
}

void MemoryMetrics::begin(const std::string& stage) {
  if (!on_ || !current_.empty()) return;
  current_ = stage;
  peak_is_ours_ = reset_peak_memory();
  at_begin_ = resident_memory();
}

Json MemoryMetrics::end(const std::string& stage) {
  Json out = Json::object();
  if (!on_ || current_ != stage) return out;
  current_.clear();
  const ResidentMemory now = resident_memory();
  // A peak that could not begin anew is this stage's only if it rose meanwhile.
  const int64_t peak =
      peak_is_ours_ || now.peak > at_begin_.peak ? now.peak : std::max(at_begin_.now, now.now);
  const Deltas deltas{at_begin_.now, now.now - at_begin_.now, std::max<int64_t>(0, peak - now.now)};
  if (stage == "init") {
    init_ = deltas;
    return out;
  }
  const auto tell = [&](const std::string& name, const Deltas& d) {
    out[name + "_mem_cpu_alloc_delta"] = d.alloc;
    out[name + "_mem_cpu_peaked_delta"] = d.peaked;
  };
  if (init_) tell("init", *init_);
  tell(stage, deltas);
  if (init_) out["before_init_mem_cpu"] = init_->begin;
  init_.reset();
  return out;
}

}  // namespace slipway
