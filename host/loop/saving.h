// How a run's checkpoints get to the disk: written by a thread from a copy in memory, while
// training goes on; or by the loop, which waits.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "loop/phase.h"
#include "operators/host_copy.h"
#include "optim/optimizer.h"
#include "record/checkpoint_thread.h"
#include "record/rotation.h"

namespace slipway {

class Saving {
 public:
  // `copies_fit`: into memory, beside the run.
  Saving(const RunConfig& config, PhaseClock& clock, bool copies_fit)
      : config_(config), clock_(clock), copies_fit_(copies_fit) {}

  // What a checkpoint of now is written from while training goes on. nullptr where training waits
  // for it: train.async_save is false, the run is stopping, `told_of_each` (somebody hears of every
  // checkpoint, and finds it complete), or there is no memory for the copy; the first time that
  // something other than the run file is the reason, it is said. [loop]
  std::shared_ptr<const HostCopy> copy(const FlatParameters& parameters, Optimizer& optimizer,
                                       bool told_of_each);

  // Writes checkpoint-<step> of the run and removes what it replaces: on the thread when `behind`;
  // what is written then is held by `files`. The one before is finished(). Throws Error. [loop]
  void write(int64_t step, std::vector<CheckpointFile> files, const Rotation& rotation,
             bool behind);

  // Waits until the last one is on the disk, and what it replaces is removed: for whoever reads
  // checkpoints, or writes what must not be there before them. With a name, where that is the one
  // that is being written. Throws Error when it could not be written. [loop]
  void finish();
  void finish(const std::string& folder) {
    if (!folder.empty() && folder == folder_) finish();
  }
  // finish() where that does not wait. [loop]
  void hear() {
    if (thread_.begun() && !thread_.busy()) finish();
  }

  // Seconds that the last checkpoint took which was written behind training, when that is known.
  std::optional<double> seconds() const { return thread_.seconds(); }

 private:
  std::nullptr_t waits(const std::string& why);

  const RunConfig& config_;
  PhaseClock& clock_;
  const bool copies_fit_;
  bool told_ = false;   // why training waits
  std::string folder_;  // that is being written behind training
  CheckpointThread thread_;
};

}  // namespace slipway
