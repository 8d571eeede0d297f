// Traces of commands.
#include "app/profile.h"

#include "base/log.h"
#include "base/trace.h"

namespace slipway {

fs::path trace_path(const CommandLine& line, const fs::path& fallback) {
  if (!line.has("profile")) return {};
  const std::string given = line.text("profile");
  if (given == "true") return fallback;
  if (fs::path(given).extension() != ".json")
    throw UsageError(fmt::format("--profile: \"{}\" was taken as the trace to write; give it a name that ends in .json", given));
  return given;
}

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
