// slipway.hpp -- Slipway as a library: everything that the command line does is a call on these
// types. Standard C++20 and the plugin contract alone; link slipway::slipway. One run at a time in
// a process: its threads and devices belong to that run. Calls throw std::exception, whose what()
// names what, where and the fix.
#pragma once
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "slipway/evaluator.hpp"
#include "slipway/generator.hpp"
#include "slipway/run_file.hpp"
#include "slipway/study.hpp"
#include "slipway/trainer.hpp"

namespace slipway {

// What the command line's exit code would be: 1 failed, 2 the run file is wrong and nothing was
// started, 85 stopped by request_stop() or a signal after saving: Trainer::train() with resume goes
// on.
int exit_code_of(const std::exception& failure);

// What `slipway plugin list --json`, `plugin info --json` and `doctor --json` print; `plugin_path`
// is looked through beside the bundled plugins.
std::string describe_plugins(const std::vector<std::filesystem::path>& plugin_path = {});
std::string describe_plugin(const std::string& id,
                            const std::vector<std::filesystem::path>& plugin_path = {});
std::string describe_machine(bool quick = false,
                             const std::vector<std::filesystem::path>& plugin_path = {});
// What `doctor --dist --json` prints: of the processes that a launcher started beside this one. All
// of them call it; "" on those that are not the first. Throws Error where this one is alone.
std::string describe_ranks(bool quick = false);
std::string schema_help();                                   // every key of a run file
void write_report(const std::filesystem::path& run_folder);  // report.html anew
void write_picture(const std::filesystem::path& run_folder, const std::filesystem::path& svg);
// One page of two to eight runs: their curves over each other, the keys in which their
// configurations differ, final figures. An earlier such page is replaced, another file is not.
void write_comparison(const std::vector<std::filesystem::path>& run_folders,
                      const std::filesystem::path& html);
// One page of a search, from its trials.jsonl: trials, the best first, and what their value depends
// on. The same holds for what it replaces.
void write_search_report(const std::filesystem::path& search_folder,
                         const std::filesystem::path& html);

// Asks the run of this process, or the next one, to save and stop; may be called in a signal
// handler and on any thread. When that run has ended, what comes after it runs unasked.
void request_stop();
void set_quiet(bool quiet);  // say only what goes wrong

}  // namespace slipway
