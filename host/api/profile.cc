// Traces.
#include "api/profile.h"

#include "base/log.h"
#include "base/trace.h"

namespace slipway {

Profile::Profile(const fs::path& path) : path_(path) {
  if (path_.empty()) return;
  trace_thread_name("loop");
  trace_start(path_);
}

Profile::~Profile() {
  if (path_.empty()) return;
  try {
    trace_stop();
    log_info("trace: {} (open it at ui.perfetto.dev)", path_.string());
  } catch (const std::exception& e) {
    log_warn("the trace could not be written: {}", e.what());
  }
}

}  // namespace slipway
