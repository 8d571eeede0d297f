// Sharding.
#include "data/shard.h"

#include <algorithm>

namespace slipway {

EpochOrder shard(const EpochOrder& epoch, int64_t rank, int64_t ranks,
                 const ShardSettings& settings) {
  EpochOrder out;
  const auto add = [&](auto begin, auto end) {
    out.examples.insert(out.examples.end(), begin, end);
    out.ends.push_back(static_cast<int64_t>(out.examples.size()));
  };
  const auto width = static_cast<size_t>(ranks), own = static_cast<size_t>(rank),
             size = static_cast<size_t>(settings.batch_size);
  const size_t count = epoch.ends.size();
  // A round gives each process one batch; it is whole when its last one is there and full.
  size_t whole = count / width;
  if (whole > 0 && epoch.micro_batch(whole * width - 1).size() < size) --whole;
  for (size_t round = 0; round < whole; ++round) {
    const auto batch = epoch.micro_batch(round * width + own);
    add(batch.begin(), batch.end());
  }
  if (settings.drop_last || whole * width == count) return out;
  if (!settings.even_batches) {
    if (whole * width + own < count) {
      const auto batch = epoch.micro_batch(whole * width + own);
      add(batch.begin(), batch.end());
    }
    return out;
  }
  const size_t begin = whole == 0 ? 0 : static_cast<size_t>(epoch.ends[whole * width - 1]);
  std::vector<int64_t> last(epoch.examples.begin() + static_cast<int64_t>(begin),
                            epoch.examples.end());
  const auto first_round = static_cast<size_t>(epoch.ends[std::min(width, count) - 1]);
  for (size_t i = 0; last.size() < width * size; ++i)
    last.push_back(epoch.examples[i % first_round]);
  const auto mine = last.begin() + static_cast<int64_t>(own * size);
  add(mine, mine + settings.batch_size);
  return out;
}

EpochOrder share_of(const EpochOrder& epoch, int64_t rank, const OrderSettings& order) {
  if (order.ranks == 1) return epoch;
  if (order.strategy != "batch_rebalance")
    return shard(epoch, rank, order.ranks, {order.batch_size, order.drop_last});
  // Dealt out in turn: those of about the same cost are computed at the same time.
  EpochOrder out;
  for (auto m = static_cast<size_t>(rank); m < epoch.ends.size();
       m += static_cast<size_t>(order.ranks)) {
    const auto batch = epoch.micro_batch(m);
    out.examples.insert(out.examples.end(), batch.begin(), batch.end());
    out.ends.push_back(static_cast<int64_t>(out.examples.size()));
  }
  return out;
}

}  // namespace slipway
