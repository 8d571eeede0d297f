// What DeepSpeed's words say of the number of processes.
#pragma once
#include <string>
#include <vector>

#include "config/run_config.h"
#include "dist/environment.h"

namespace slipway {

// train_batch_size is what the ranks make of a step, and a group that weights are cut within
// (zero_hpz_partition_size, mics_shard_size) is a machine's ranks. Each fault with its place.
std::vector<std::string> sharding_faults(const RunConfig& config, const Place& place);

}  // namespace slipway
