// The folder of a run: one owner, and what must be true of it before a run begins in it.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "base/folder_lock.h"

namespace slipway {

enum class FolderContent {
  kNothing,  // there is no such folder
  kEmpty,    // but for lost+found and files of ours that say nothing
  // an earlier run or search: config.resolved.toml, metrics.jsonl, trials.jsonl, checkpoint-N; or
  // results of evaluations alone
  kRun,
  kOther
};
// Throws Error when the folder cannot be read, and when there is something else of its name.
FolderContent content_of(const fs::path& folder);

// A file or folder that the run reads, and the key that names it.
using RunInput = std::pair<std::string, fs::path>;

class RunFolder {
 public:
  // Takes `output_dir` for this process: locks it where it exists, and puts back what a start moved
  // aside that ended before its run began. Nothing is made yet. Throws Error when another process
  // has it, and when it holds something that is no run.
  explicit RunFolder(const fs::path& output_dir);
  // As undo(), unless keep() was called.
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  // Makes it new and empty for a fresh run. An earlier run there is moved aside to output_dir.1,
  // .2, ..., with a notice; where the folder is a link, what it leads to is. Throws Error, having
  // moved nothing, when `inputs` would be moved too. A process that dies before keep() leaves a
  // note in the folder, by which the next one undoes this.
  void begin(const std::vector<RunInput>& inputs);
  // The run has begun: what it writes from now on stays.
  void keep();
  // What begin() did, undone: the earlier run is back. After keep() only what the new run wrote is
  // removed, and its folder is empty. For a run that ended before it saved anything.
  void undo();

 private:
  void put_back_earlier();
  void move_aside(const std::vector<RunInput>& inputs);
  void make();

  fs::path given_;      // as the run file names it
  fs::path real_;       // links followed
  FolderLock lock_;     // of real_
  bool fresh_ = false;  // what is in real_ was written since begin(), and by this process
  bool kept_ = false;
  bool made_ = false;  // real_ was made, and from top_ on its parents
  fs::path top_;
  fs::path earlier_;  // where the earlier run is
  FolderLock earlier_lock_;
};

// Takes the folder of a search for this process and makes it where it is missing. Throws Error as
// RunFolder does.
FolderLock take_search_folder(const fs::path& output_dir);

}  // namespace slipway
