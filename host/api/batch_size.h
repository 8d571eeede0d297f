// train.auto_find_batch_size: a run that does not fit in memory begins anew with a smaller batch.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "config/run_config.h"

namespace slipway {

// What lay in the run folder when a try had made it its own; nothing when the try ended before that.
using FolderBefore = std::optional<std::vector<fs::path>>;

// Calls `train`, which fills in its argument. When it throws OutOfMemory and train.auto_find_batch_size is set, what the try left in the
// run folder is removed, and nothing else, unless there is a checkpoint, and `train` is called again with train.per_device_train_batch_size and train.max_tokens_per_batch of `config` 0.9
// times as large, rounded down. A run that goes on from `checkpoint` has the batch size that was found then. Throws Error when no batch
// is left, or a run was to be resumed.
void find_batch_size(RunConfig& config, const std::optional<fs::path>& checkpoint, const std::function<void(FolderBefore&)>& train);

}  // namespace slipway
