// Run folders.
#include "api/run_folder.h"

#include "base/error.h"
#include "base/log.h"
#include "loop/checkpoint.h"

namespace slipway {

std::optional<fs::path> checkpoint_to_resume(const std::string& resume, const fs::path& output_dir) {
  if (resume.empty()) return std::nullopt;
  if (resume != "true") {
    if (!fs::is_directory(resume)) fail("--resume={}: no such folder", resume);
    verify_checkpoint(resume);
    require_resumable(resume);
    return fs::path(resume);
  }
  std::vector<std::string> skipped;
  const std::optional<fs::path> found = latest_checkpoint(output_dir, &skipped);
  for (const std::string& reason : skipped) log_warn("passed over a checkpoint: {}", reason);
  if (found) require_resumable(*found);
  else log_info("no checkpoint in {}: starting from the beginning", output_dir.string());
  return found;
}

void prepare_run_folder(const fs::path& output_dir) {
  std::error_code ec;
  if (fs::exists(output_dir) && !fs::is_directory(output_dir)) fail("run.output_dir = \"{}\" is a file", output_dir.string());
  if (fs::exists(output_dir) && !fs::is_empty(output_dir)) {
    fs::path plain = output_dir;
    if (!plain.has_filename()) plain = plain.parent_path();  // "runs/x/" names runs/x
    int n = 1;
    while (fs::exists(fmt::format("{}.{}", plain.string(), n))) ++n;
    const std::string aside = fmt::format("{}.{}", plain.string(), n);
    fs::rename(plain, aside, ec);
    if (ec) fail("{}: holds an earlier run and cannot be moved aside: {}", output_dir.string(), ec.message());
    log_info("an earlier run was moved to {} (--resume would have gone on with it)", aside);
  }
  fs::create_directories(output_dir, ec);
  if (ec) fail("run.output_dir = \"{}\": cannot be made: {}", output_dir.string(), ec.message());
}

}  // namespace slipway
