// train.auto_find_batch_size: a run that does not fit in memory begins anew with a smaller batch.
#pragma once
#include <functional>
#include <optional>

#include "config/run_config.h"

namespace slipway {

// Calls `train`. When it throws OutOfMemory and train.auto_find_batch_size is set, it is called
// again with train.per_device_train_batch_size and train.max_tokens_per_batch of `config` 0.9 times
// as large, rounded down; what the try wrote is the caller's to undo (RunFolder). A run that is
// resumed from `checkpoint` has the batch size that was found then. Throws Error when no batch is
// left, or a run was to be resumed.
void find_batch_size(RunConfig& config, const std::optional<fs::path>& checkpoint,
                     const std::function<void()>& train);

}  // namespace slipway
