// The page that shows a run (report.html) and the picture of it that a README carries.
#pragma once
#include "base/files.h"

namespace slipway {

// Writes run_dir/report.html, replacing an older one atomically: one file without links or needed
// scripts. Reads metrics.jsonl, samples/ and config.resolved.toml; what is missing is left out, a
// line that cannot be read is counted and said on the page. The same folder gives the same bytes.
// Any thread; may be called while the run goes on. Throws Error when run_dir has no metrics.jsonl
// or the page cannot be written.
void write_report(const fs::path& run_dir);

// Writes `svg`: one stand-alone picture of the run with the reward and distinct-2 of the held-out
// prompts and three answers before and after; the loss where a run has no held-out reward. Same
// contract as write_report.
void write_picture(const fs::path& run_dir, const fs::path& svg);

}  // namespace slipway
