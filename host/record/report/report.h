// The pages that show a run (report.html), several runs beside each other, and a search; and the
// picture of a run that a README carries.
#pragma once
#include <vector>

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

// Writes one page with the curves of two to eight runs over each other, final figures, and the keys
// in which their configurations differ. Same contract as write_report; throws Error too when `html`
// is there and is no such page.
void write_comparison(const std::vector<fs::path>& run_dirs, const fs::path& html);

// Writes the page of the search whose trials.jsonl is in the folder: its trials, the best first,
// what their value depends on, and the curves of the best. Same contract as write_comparison.
void write_search_report(const fs::path& search_dir, const fs::path& html);

}  // namespace slipway
