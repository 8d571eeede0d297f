// Shares of an epoch beside accelerate's (tests/parity/record_shards.py).
#include "data/shard.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/json.h"

namespace slipway {
namespace {

TEST(Shard, IsAccelerates) {
  const Json record = parse_json(read_file("tests/parity/data/shards.json"), "shards.json");
  size_t compared = 0, different = 0;
  for (const Json& run : record.at("cases")) {
    const std::vector<int64_t> lengths(run.at("rows").get<size_t>(), 1);
    const int64_t batch_size = run.at("batch_size");
    const EpochOrder epoch =
        DataOrder(lengths, {"sequential", 1, {}, batch_size, 1, run.at("drop_last")}).epoch(0);
    const auto ranks = static_cast<int64_t>(run.at("ranks").size());
    for (int64_t rank = 0; rank < ranks; ++rank) {
      const EpochOrder own =
          shard(epoch, rank, ranks, {batch_size, run.at("drop_last"), run.at("even_batches")});
      std::vector<std::vector<int64_t>> got;
      for (size_t m = 0; m < own.ends.size(); ++m)
        got.emplace_back(own.micro_batch(m).begin(), own.micro_batch(m).end());
      const auto expected =
          run.at("ranks")[static_cast<size_t>(rank)].get<std::vector<std::vector<int64_t>>>();
      EXPECT_EQ(got, expected) << run.dump() << " rank " << rank;
      different += got == expected ? 0 : 1;
      ++compared;
    }
  }
  EXPECT_GT(compared, 1000u);
  std::printf("%zu of %zu recorded shares differ\n", different, compared);
}

}  // namespace
}  // namespace slipway
