// Which micro-batches of an epoch are one process's, when several train together: accelerate's
// rule, and for batch_rebalance the Trainer's own.
#pragma once
#include "data/data_order.h"

namespace slipway {

struct ShardSettings {
  int64_t batch_size = 8;
  bool drop_last = false;  // as the epoch was cut
  // fill the last round from the epoch's begin, so that every process has the same number of full
  // batches
  bool even_batches = true;
};

// Micro-batches go to `ranks` processes in turn; those of process `rank`, from 0. Without
// even_batches the last ones may miss one, or have a short one. Not for batch_rebalance.
EpochOrder shard(const EpochOrder& epoch, int64_t rank, int64_t ranks,
                 const ShardSettings& settings);

// The share of process `rank` of an epoch that `order` gave: each has as many micro-batches.
EpochOrder share_of(const EpochOrder& epoch, int64_t rank, const OrderSettings& order);

}  // namespace slipway
