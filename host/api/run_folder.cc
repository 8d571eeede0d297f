// Run folders.
#include "api/run_folder.h"

#include "base/error.h"
#include "base/log.h"
#include "base/place.h"
#include "loop/checkpoint.h"

namespace slipway {

std::optional<fs::path> checkpoint_to_resume(const std::string& resume, const fs::path& output_dir) {
  if (resume.empty()) return std::nullopt;
  recover_run_folder(output_dir);
  if (resume != "true") {
    if (!fs::is_directory(resume)) fail("--resume={}: no such folder", resume);
    verify_checkpoint(resume);
    require_resumable(resume);
    return fs::path(resume);
  }
  std::vector<std::string> skipped;
  const std::optional<fs::path> found = latest_checkpoint(output_dir, &skipped);
  for (const std::string& reason : skipped) log_warn("passed over a checkpoint: {}", reason);
  if (!found && !skipped.empty()) fail("{}: every checkpoint is damaged (see above); to begin anew, leave --resume out", output_dir.string());
  if (found) require_resumable(*found);
  else log_warn("no checkpoint in {}: starting from the beginning", output_dir.string());
  return found;
}

void prepare_run_folder(const fs::path& output_dir) {
  if (fs::exists(output_dir) && !fs::is_directory(output_dir)) fail("run.output_dir = \"{}\" is a file", output_dir.string());
  if (path_exists(output_dir) && !list_folder(output_dir).empty()) {
    fs::path plain = output_dir;
    if (!plain.has_filename()) plain = plain.parent_path();  // "runs/x/" names runs/x
    int n = 1;
    while (path_exists(fmt::format("{}.{}", plain.string(), n))) ++n;
    const std::string aside = fmt::format("{}.{}", plain.string(), n);
    move_path(plain, aside);
    log_info("an earlier run was moved to {} (--resume would have gone on with it)", aside);
  }
  try {
    create_folder(output_dir);
  } catch (const Error& e) {
    fail("run.output_dir = \"{}\": cannot be made: {}", output_dir.string(), e.what());
  }
}

}  // namespace slipway
